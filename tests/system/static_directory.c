/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A directory that serves files as they are, right or wrong: static_directory FOLDER. The document /a/b/c, under any
 * prefix up to "/api", is the file a_b_c. Prints "ready URL".
 */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, char *body, size_t len)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result serve(void *folder, struct MHD_Connection *connection, const char *path, const char *method,
                             const char *version, const char *body, size_t *body_len, void **state)
{
    (void)method;
    (void)version;
    (void)body;
    (void)body_len;
    (void)state;
    char name[1024];
    const char *below = strncmp(path, "/api/", 5) == 0 ? path + 5 : path + 1;
    (void)snprintf(name, sizeof name, "%s/%s", (const char *)folder, below);
    for (char *at = name + strlen(folder) + 1; *at != 0; at++) {
        if (*at == '/') *at = '_';
    }
    char *text = malloc(1 << 20);
    FILE *file = text == NULL ? NULL : fopen(name, "r");
    if (file == NULL) return answer(connection, MHD_HTTP_NOT_FOUND, text, 0);
    size_t len = fread(text, 1, 1 << 20, file);
    (void)fclose(file);
    return answer(connection, MHD_HTTP_OK, text, len);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    struct MHD_Daemon *daemon = NULL;
    for (uint16_t port = 22000; port < 22100 && daemon == NULL; port++) {
        struct sockaddr_in in = {
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, serve, argv[1], MHD_OPTION_SOCK_ADDR,
                                  &in, MHD_OPTION_END);
        if (daemon != NULL) (void)printf("ready http://127.0.0.1:%u/api\n", port);
    }
    if (daemon == NULL) return 2;
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}
