// SPDX-License-Identifier: Apache-2.0
//! The published Rust SDK behind the lines of text of ../../README.md.

use anyhow::{bail, Context, Result};
use nym_sdk::mixnet::{
    AnonymousSenderTag, IncludedSurbs, MixnetClient, MixnetClientBuilder, MixnetMessageSender, ReconstructedMessage,
    Recipient, StoragePaths,
};
use nym_sdk::{DebugConfig, NymNetworkDetails, ValidatorDetails};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Default)]
struct Options {
    nym_api: String,
    gateway: Option<String>,
    keys: Option<String>,
    no_cover: bool,
    no_pacing: bool,
    topology_refresh: Option<Duration>,
}

fn options() -> Result<Options> {
    let mut options = Options::default();
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next().with_context(|| format!("{name} wants a value"));
        match name.as_str() {
            "--nym-api" => options.nym_api = value()?,
            "--gateway" => options.gateway = Some(value()?),
            "--keys" => options.keys = Some(value()?),
            "--no-cover" => options.no_cover = true,
            "--pacing" => options.no_pacing = value()? == "none",
            "--topology-refresh" => {
                let seconds = value()?.trim_end_matches('s').parse().context("--topology-refresh wants seconds, as 1s")?;
                options.topology_refresh = Some(Duration::from_secs(seconds));
            }
            _ => bail!("unknown option {name}"),
        }
    }
    if options.nym_api.is_empty() {
        bail!("--nym-api URL is missing");
    }
    Ok(options)
}

/// Empty details, not mainnet's with our URL: whatever is missing in those is asked of mainnet.
fn network(api: &str) -> NymNetworkDetails {
    let validator = ValidatorDetails::new("http://127.0.0.1:1".to_string(), Some(api.to_string()), None);
    NymNetworkDetails::new_empty().with_additional_validator_endpoint(validator)
}

fn traffic(options: &Options) -> DebugConfig {
    let mut config = DebugConfig::default();
    config.cover_traffic.disable_loop_cover_traffic_stream = options.no_cover;
    config.traffic.disable_main_poisson_packet_distribution = options.no_pacing;
    if let Some(every) = options.topology_refresh {
        config.topology.topology_refresh_rate = every;
    }
    config
}

async fn connect(options: &Options) -> Result<MixnetClient> {
    // The builder's type depends on the storage.
    macro_rules! connect {
        ($builder:expr) => {{
            let mut builder = $builder.network_details(network(&options.nym_api)).debug_config(traffic(options));
            if let Some(gateway) = &options.gateway {
                builder = builder.request_gateway(gateway.clone());
            }
            builder.build()?.connect_to_mixnet().await?
        }};
    }
    Ok(match &options.keys {
        Some(dir) => {
            connect!(MixnetClientBuilder::new_with_default_storage(StoragePaths::new_from_dir(dir)?).await?)
        }
        None => connect!(MixnetClientBuilder::new_ephemeral()),
    })
}

fn body(source: &str) -> Result<Vec<u8>> {
    match source.strip_prefix('-') {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => std::fs::read(source).with_context(|| source.to_string()),
    }
}

async fn obey(client: &MixnetClient, line: &str) -> Result<()> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "send" => {
            let mut words = rest.splitn(3, ' ');
            let (to, surbs, source) = (words.next(), words.next(), words.next());
            let to: Recipient = to.context("no address")?.parse()?;
            let surbs = match surbs.context("no number of SURBs")? {
                "-" => IncludedSurbs::expose_self_address(),
                n => IncludedSurbs::new(n.parse()?),
            };
            client.send_message(to, body(source.context("no file")?)?, surbs).await?;
        }
        "reply" => {
            let (tag, source) = rest.split_once(' ').context("reply TAG FILE")?;
            client.send_reply(AnonymousSenderTag::try_from_base58_string(tag)?, body(source)?).await?;
        }
        _ => bail!("unknown command {command}"),
    }
    Ok(())
}

fn report(message: &ReconstructedMessage) {
    let hash: String = Sha256::digest(&message.message).iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = message.sender_tag.map_or("-".to_string(), |tag| tag.to_base58_string());
    println!("received {} {hash} {tag}", message.message.len());
}

async fn run() -> Result<()> {
    let options = options()?;
    let mut client = connect(&options).await?;
    println!("ready {}", client.nym_address());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut number = 0;
    loop {
        tokio::select! {
            line = lines.next_line() => match line?.as_deref() {
                None | Some("quit") => break,
                Some("") => {}
                Some(line) => {
                    number += 1;
                    match obey(&client, line).await {
                        Ok(()) => println!("sent {number}"),
                        Err(error) => println!("failed {number} {error:#}"),
                    }
                }
            },
            messages = client.wait_for_messages() => match messages {
                Some(messages) => messages.iter().for_each(report),
                None => bail!("the client shut itself down"),
            },
        }
    }
    client.disconnect().await;
    Ok(())
}

// println! flushes each line even into a pipe.
#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        println!("failed - {}", format!("{error:#}").replace('\n', " "));
        std::process::exit(1);
    }
}
