/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SUBCOMMANDS_H
#define SLUICE_SUBCOMMANDS_H

/* The subcommands' mains: argv[0] is the subcommand's name; the result is the exit code (tools/common/options.h). */
int slc_load_main(int argc, char **argv);
int slc_localnet_main(int argc, char **argv);
int slc_client_main(int argc, char **argv);
int slc_echo_main(int argc, char **argv);
int slc_options_main(int argc, char **argv);
int slc_bench_main(int argc, char **argv);

#endif
