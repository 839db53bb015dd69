/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/commands.h"
#include "tools/client/say.h"
#include "tools/client/session.h"
#include "tools/common/file.h"
#include "tools/common/options.h"
#include "tools/common/signals.h"
#include "tools/subcommands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Three ways to be a client: obeying lines on standard input, sending one message, listening. */
enum mode { MODE_LINES, MODE_SEND, MODE_LISTEN };

struct options {
    struct slc_session_options session;
    uint64_t surbs, timeout, linger;
    bool echo, json, wait_reply, surbs_given, pacing_given;
    const char *out, *to, *file, *text;
    enum mode mode;
};

/* Tokens of echoes have this bit; those of commands are their numbers. */
#define ECHO_TOKEN (UINT64_C(1) << 63)

struct program {
    const struct options *o;
    struct slc_session session;
    struct slc_lines *lines;
    enum slc_voice voice;
    bool ready, was_ready, closing, replied;
    int code; /* < 0: go on */
    uint64_t number;
    size_t unfinished; /* messages neither acked nor given up */
    slc_time deadline; /* of what is being waited for */
    unsigned kept;     /* messages written to --out */
    struct slc_command command;
    char *line, *body; /* of the command that waits to be taken */
    size_t body_len;
    bool has_command;
    char last_loss[256];
};

/* ---- options ---- */

static const char *const pacing_names[] = {"default", "fast", "none", NULL};

static int parse(int argc, char **argv, struct options *o)
{
    struct slc_session_options *s = &o->session;
    const struct slc_option table[] = {
        {.help = "Which network"},
        {"nym-api", SLC_OPTION_TEXT, &s->nym_api, "URL", "its directory, as http://127.0.0.1:8000/api ($NYM_API)", 0, 0,
         NULL, NULL},
        {"network", SLC_OPTION_TEXT, &s->network, "FILE", "or a topology file; it is not refreshed", 0, 0, NULL, NULL},
        {"topology-refresh", SLC_OPTION_DURATION, &s->refresh, "T",
         "asks --nym-api for newer nodes and keys so often (5m)", 100 * SLC_MILLISECOND, 86400 * SLC_SECOND, NULL,
         NULL},
        {"gateway", SLC_OPTION_TEXT, &s->gateway, "ID", "identity of our gateway (the last one used, or any)", 0, 0,
         NULL, NULL},
        {"tls", SLC_OPTION_FLAG, &s->tls, NULL, "connect by wss://", 0, 0, NULL, NULL},
        {"ca-file", SLC_OPTION_TEXT, &s->ca_file, "FILE", "with --tls: trust these roots, not the system's", 0, 0, NULL,
         NULL},
        {.help = "Who we are"},
        {"home", SLC_OPTION_TEXT, &s->home, "DIR",
         "what a client keeps, there; a published client's folder too (fresh keys, not kept)", 0, 0, NULL, NULL},
        {.help = "How we send"},
        {"pacing", SLC_OPTION_CHOICE, &s->pacing, "HOW", "default, fast or none: none gives no anonymity", 0, 0,
         pacing_names, &o->pacing_given},
        {"no-cover", SLC_OPTION_FLAG, &s->no_cover, NULL, "no loop cover; with --pacing none no cover at all", 0, 0,
         NULL, NULL},
        SLC_TRAFFIC_OPTIONS(&s->traffic),
        {.help = "What we do"},
        {"to", SLC_OPTION_TEXT, &o->to, "ADDRESS", "send: the recipient", 0, 0, NULL, NULL},
        {"file", SLC_OPTION_TEXT, &o->file, "FILE", "send: the message; - is standard input", 0, 0, NULL, NULL},
        {"text", SLC_OPTION_TEXT, &o->text, "TEXT", "send: or this text", 0, 0, NULL, NULL},
        {"surbs", SLC_OPTION_NUMBER, &o->surbs, "N", "send: reply blocks in it, 0 still tells a sender tag", 0,
         SLC_COMMAND_SURBS_MAX, NULL, &o->surbs_given},
        {"wait-reply", SLC_OPTION_FLAG, &o->wait_reply, NULL, "send: write the reply to standard output or --out", 0, 0,
         NULL, NULL},
        {"echo", SLC_OPTION_FLAG, &o->echo, NULL, "answer messages that can be answered with their own bytes", 0, 0,
         NULL, NULL},
        {"out", SLC_OPTION_TEXT, &o->out, "DIR", "keep received messages as files there", 0, 0, NULL, NULL},
        {"timeout", SLC_OPTION_DURATION, &o->timeout, "T", "to connect, then for what send waits for (30s)",
         SLC_MILLISECOND, 86400 * SLC_SECOND, NULL, NULL},
        {"linger", SLC_OPTION_DURATION, &o->linger, "T", "at the end of input, for acks still missing (10s)", 0,
         86400 * SLC_SECOND, NULL, NULL},
        {"json", SLC_OPTION_FLAG, &o->json, NULL, "events as JSON, one object a line", 0, 0, NULL, NULL},
    };
    int rest;
    int code = slc_options_parse(argc, argv,
                                 "one Nym client\n\n"
                                 "usage: sluice client [OPTIONS]           obeys lines: send ADDRESS SURBS FILE,\n"
                                 "                                         reply TAG FILE, quit; -TEXT is a FILE too\n"
                                 "       sluice client send [OPTIONS]      sends one message\n"
                                 "       sluice client listen [OPTIONS]    only receives",
                                 table, sizeof table / sizeof *table, &rest);
    if (code >= 0) return code;
    if (rest < argc) {
        const char *mode = argv[rest++];
        o->mode = strcmp(mode, "send") == 0 ? MODE_SEND : strcmp(mode, "listen") == 0 ? MODE_LISTEN : MODE_LINES;
        if (o->mode == MODE_LINES || rest < argc) {
            (void)fprintf(stderr, "sluice client: %s: there are send, listen, or nothing\n",
                          o->mode == MODE_LINES ? mode : argv[rest]);
            return SLC_EXIT_USAGE;
        }
    }
    return -1;
}

static int usage(const char *what)
{
    (void)fprintf(stderr, "sluice client: %s; see sluice client --help\n", what);
    return SLC_EXIT_USAGE;
}

static int check(struct options *o)
{
    if (o->session.nym_api == NULL && o->session.network == NULL) o->session.nym_api = getenv("NYM_API");
    if ((o->session.nym_api == NULL) == (o->session.network == NULL)) {
        return usage("name the network by one of --nym-api URL and --network FILE");
    }
    if (o->session.traffic.presets != NULL && (o->pacing_given || o->session.no_cover)) {
        return usage("--preset says how packets leave: leave out --pacing and --no-cover");
    }
    bool send_words = o->to != NULL || o->file != NULL || o->text != NULL || o->surbs_given || o->wait_reply;
    if (o->mode != MODE_SEND && send_words) {
        return usage("--to, --file, --text, --surbs and --wait-reply belong to send");
    }
    if (o->mode == MODE_SEND && o->to == NULL) return usage("send wants --to ADDRESS");
    if (o->mode == MODE_SEND && (o->file == NULL) == (o->text == NULL)) {
        return usage("send wants one of --file FILE and --text TEXT");
    }
    if (o->mode == MODE_SEND && o->echo) return usage("send does not --echo");
    if (o->mode == MODE_SEND && o->wait_reply && o->surbs_given && o->surbs == 0) {
        return usage("no reply comes without SURBs: --surbs 10, or leave it out");
    }
    o->session.fetch_limit = o->timeout;
    return -1;
}

/* ---- events ---- */

static void end(struct program *p, int code)
{
    if (p->code < 0) p->code = code;
}

static void complain(const struct program *p, uint64_t number, const char *why)
{
    slc_say_failed(p->voice, number, why);
    if (p->voice == SLC_VOICE_SILENT) (void)fprintf(stderr, "sluice client: %s\n", why);
}

/* Writes a received message to a file of --out, named in `path`. */
static bool keep(struct program *p, const struct slc_engine_event *event, char path[4096])
{
    struct slc_error error = {0};
    if (snprintf(path, 4096, "%s/message-%06u", p->o->out, ++p->kept) >= 4096) return false;
    if (slc_file_write(path, event->data, event->len, 0600, &error) == SLC_OK) return true;
    (void)fprintf(stderr, "sluice client: %s\n", error.text);
    end(p, SLC_EXIT_CHECK_FAILED);
    return false;
}

static void echo(struct program *p, const struct slc_engine_event *event)
{
    struct slc_command command = {.kind = SLC_COMMAND_REPLY};
    memcpy(command.tag, event->tag, sizeof command.tag);
    /* Without a buffer the echo is lost, as a message would be: whoever waits for it asks again. */
    enum slc_status status =
        slc_session_send(&p->session, &command, (const char *)event->data, event->len, ECHO_TOKEN | p->kept);
    if (status != SLC_OK) {
        (void)fprintf(stderr, "sluice client: no echo of a message: %s\n", slc_status_text(status));
    } else {
        p->unfinished++;
    }
}

static void on_delivered(struct program *p, const struct slc_engine_event *event)
{
    char path[4096];
    bool kept = p->o->out != NULL && keep(p, event, path);
    slc_say_received(p->voice, event, kept ? path : NULL);
    if (p->o->wait_reply && event->is_reply) {
        p->replied = true;
        if (p->o->out == NULL && !p->o->json) {
            bool written = fwrite(event->data, 1, event->len, stdout) == event->len && fflush(stdout) == 0;
            if (!written) {
                (void)fprintf(stderr, "sluice client: standard output: %s\n", strerror(errno));
                end(p, SLC_EXIT_CHECK_FAILED);
            }
        }
    }
    /* An empty reply cannot be told from padding: there is none. */
    if (p->o->echo && event->has_tag && event->len > 0) echo(p, event);
}

/* Why a message was given up, in words of who sent it. */
static const char *expired_words(enum slc_status status)
{
    switch (status) {
    case SLC_NO_ROUTE:
        return "the recipient's gateway is not in this network";
    case SLC_TIMEOUT:
        return "repeated as often as allowed, and never acked";
    case SLC_NOT_FOUND:
        return "no SURBs of that sender: it has to write again";
    default:
        return slc_status_text(status);
    }
}

static void on_finished(struct program *p, const struct slc_engine_event *event)
{
    if (p->unfinished > 0) p->unfinished--;
    if ((event->token & ECHO_TOKEN) != 0) return;
    if (event->kind == SLC_CLIENT_ACKED) {
        slc_say_done(p->voice, "acked", event->token);
        return;
    }
    complain(p, event->token, expired_words(event->status));
    if (p->o->mode == MODE_SEND) end(p, SLC_EXIT_CHECK_FAILED);
}

static void on_event(struct program *p, const struct slc_engine_event *event)
{
    switch (event->kind) {
    case SLC_CLIENT_READY:
        if (!p->was_ready) p->deadline = p->o->mode == MODE_SEND ? slc_now() + p->o->timeout : SLC_NEVER;
        p->ready = p->was_ready = true;
        slc_say_ready(p->voice, &p->session.self);
        break;
    case SLC_CLIENT_LOST:
        (void)snprintf(p->last_loss, sizeof p->last_loss, "gateway %s: %s", p->session.gateway,
                       event->text != NULL ? event->text : slc_status_text(event->status));
        if (p->ready) slc_say_lost(p->voice, p->last_loss);
        p->ready = false;
        break;
    case SLC_CLIENT_FAILED:
        (void)snprintf(p->last_loss, sizeof p->last_loss, "gateway %s: %s", p->session.gateway,
                       event->text != NULL ? event->text : slc_status_text(event->status));
        complain(p, 0, p->last_loss);
        end(p, SLC_EXIT_NO_CONNECTION);
        break;
    case SLC_CLIENT_SENT:
        if ((event->token & ECHO_TOKEN) == 0) slc_say_done(p->voice, "sent", event->token);
        break;
    case SLC_CLIENT_ACKED:
    case SLC_CLIENT_EXPIRED:
        on_finished(p, event);
        break;
    case SLC_CLIENT_DELIVERED:
        on_delivered(p, event);
        break;
    default:
        break;
    }
}

/* ---- commands ---- */

static void drop_command(struct program *p)
{
    free(p->line);
    free(p->body);
    p->line = p->body = NULL;
    p->has_command = false;
}

static void close_when_acked(struct program *p)
{
    p->closing = true;
    p->deadline = slc_now() + p->o->linger;
}

/* Hands over the waiting command; it stays when there is no room. */
static void submit(struct program *p)
{
    enum slc_status status = slc_session_send(&p->session, &p->command, p->body, p->body_len, p->number);
    if (status == SLC_AGAIN) return;
    if (status == SLC_OK) {
        p->unfinished++;
    } else {
        complain(p, p->number, slc_status_text(status));
    }
    drop_command(p);
}

static void obey(struct program *p, char *line)
{
    struct slc_error error = {0};
    if (line[0] == 0) {
        free(line);
        return;
    }
    p->line = line;
    p->number++;
    enum slc_status status = slc_command_parse(line, &p->command, &error);
    if (status == SLC_OK && p->command.kind == SLC_COMMAND_QUIT) {
        drop_command(p);
        close_when_acked(p);
        return;
    }
    if (status == SLC_OK) status = slc_command_body(p->command.source, &p->body, &p->body_len, &error);
    if (status == SLC_OK && p->command.kind == SLC_COMMAND_REPLY && p->body_len == 0) {
        status = slc_fail(&error, SLC_TOO_SHORT, "a reply has at least one byte");
    }
    if (status == SLC_OK) {
        p->has_command = true;
        submit(p);
    } else {
        complain(p, p->number, error.text);
        drop_command(p);
    }
}

static void take_commands(struct program *p)
{
    if (p->has_command) submit(p);
    while (p->lines != NULL && p->ready && !p->has_command && !p->closing) {
        char *line;
        enum slc_lines_result result = slc_lines_take(p->lines, &line);
        if (result == SLC_LINES_NONE) return;
        if (result == SLC_LINES_END) close_when_acked(p);
        if (result == SLC_LINES_LINE) obey(p, line);
    }
}

/* MODE_SEND: the one command, before anything is connected, so that what is wrong with it is told at once. */
static int prepare_send(struct program *p)
{
    const struct options *o = p->o;
    struct slc_error error = {0};
    p->command.kind = SLC_COMMAND_SEND;
    p->command.anonymous = o->surbs_given || o->wait_reply;
    p->command.surbs = (uint32_t)(o->wait_reply && !o->surbs_given ? 10 : o->surbs);
    enum slc_status status = slc_recipient_from_text(o->to, &p->command.recipient, &error);
    if (status != SLC_OK) {
        (void)fprintf(stderr, "sluice client: --to: %s\n", error.text);
        return SLC_EXIT_USAGE;
    }
    if (o->text != NULL) {
        p->body = strdup(o->text);
        p->body_len = strlen(o->text);
        if (p->body == NULL) status = slc_fail(&error, SLC_NO_MEMORY, "no memory");
    } else if (strcmp(o->file, "-") == 0) {
        status = slc_body_read(stdin, "standard input", &p->body, &p->body_len, &error);
    } else {
        FILE *file = fopen(o->file, "rbe");
        status = file == NULL ? slc_fail(&error, SLC_NOT_FOUND, "%s: %s", o->file, strerror(errno))
                              : slc_body_read(file, o->file, &p->body, &p->body_len, &error);
        if (file != NULL) (void)fclose(file);
    }
    if (status == SLC_OK) {
        p->has_command = true;
        p->number = 1;
        return -1;
    }
    (void)fprintf(stderr, "sluice client: %s\n", error.text);
    return SLC_EXIT_USAGE;
}

/* ---- the loop ---- */

static bool all_done(const struct program *p)
{
    if (p->unfinished > 0 || p->has_command) return false;
    if (p->o->mode == MODE_SEND) return p->was_ready && (p->replied || !p->o->wait_reply);
    return p->closing;
}

static void at_deadline(struct program *p)
{
    char why[400], text[32];
    if (!p->was_ready) {
        (void)snprintf(why, sizeof why, "not connected within %s: %s%s", slc_duration_text(p->o->timeout, text),
                       p->last_loss[0] != 0 ? p->last_loss : "no answer from gateway ",
                       p->last_loss[0] != 0 ? "; --gateway ID takes another" : p->session.gateway);
        complain(p, 0, why);
        end(p, SLC_EXIT_NO_CONNECTION);
    } else if (p->o->mode == MODE_SEND) {
        (void)snprintf(why, sizeof why, "%s within %s%s%s", p->unfinished > 0 ? "not acked" : "no reply",
                       slc_duration_text(p->o->timeout, text),
                       p->ready ? "" : "; not connected: ", p->ready ? "" : p->last_loss);
        complain(p, p->number, why);
        end(p, SLC_EXIT_CHECK_FAILED);
    } else {
        (void)snprintf(why, sizeof why, "ended with %zu message%s not acked", p->unfinished,
                       p->unfinished == 1 ? "" : "s");
        complain(p, 0, why);
        end(p, SLC_EXIT_CHECK_FAILED);
    }
}

static void loop(struct program *p)
{
    struct slc_engine_event events[64];
    while (p->code < 0) {
        if (slc_signals_stop()) {
            end(p, slc_signals_interrupted() ? SLC_EXIT_INTERRUPTED : SLC_EXIT_GOOD);
            return;
        }
        /* Whoever read the events is gone: a listener would go on for nobody. */
        if (ferror(stdout) != 0) {
            end(p, SLC_EXIT_CHECK_FAILED);
            return;
        }
        if (p->ready) take_commands(p);
        if (all_done(p)) end(p, SLC_EXIT_GOOD);
        slc_time now = slc_now();
        if (p->code < 0 && now >= p->deadline) at_deadline(p);
        if (p->code >= 0) return;
        slc_time limit = p->has_command && p->ready ? 5 * SLC_MILLISECOND : SLC_SECOND;
        if (p->deadline - now < limit) limit = p->deadline - now;
        size_t n = slc_session_events(&p->session, events, 64, limit);
        for (size_t i = 0; i < n; i++) {
            on_event(p, &events[i]);
            slc_engine_release(p->session.engine, &events[i]);
        }
    }
}

static int run(struct program *p)
{
    struct slc_error error = {0};
    int code = slc_session_open(&p->session, &p->o->session, &error);
    if (code < 0) {
        slc_signals_catch(slc_session_wake, &p->session);
        if (p->o->mode == MODE_LINES &&
            slc_lines_start(&p->lines, STDIN_FILENO, slc_session_wake, &p->session, &error) != SLC_OK) {
            code = SLC_EXIT_USAGE;
        }
    }
    if (code >= 0) {
        complain(p, 0, error.text);
        return code;
    }
    p->deadline = slc_now() + p->o->timeout;
    loop(p);
    return p->code;
}

int slc_client_main(int argc, char **argv)
{
    struct options o = {.timeout = 30 * SLC_SECOND, .linger = 10 * SLC_SECOND};
    int code = parse(argc, argv, &o);
    if (code < 0) code = check(&o);
    if (code >= 0) return code;
    if (o.out != NULL && mkdir(o.out, 0700) != 0 && errno != EEXIST) {
        (void)fprintf(stderr, "sluice client: --out %s: %s\n", o.out, strerror(errno));
        return SLC_EXIT_USAGE;
    }
    struct program p = {.o = &o, .code = -1};
    p.voice = o.json ? SLC_VOICE_JSON : o.mode == MODE_SEND ? SLC_VOICE_SILENT : SLC_VOICE_TEXT;
    if (o.mode == MODE_SEND) code = prepare_send(&p);
    if (code < 0) code = run(&p);
    /* What the thread would wake has to outlive it. */
    slc_lines_stop(p.lines);
    slc_session_close(&p.session);
    drop_command(&p);
    return code;
}
