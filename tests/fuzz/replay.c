/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Runs one fuzz target over a corpus without libFuzzer, so that every compiler and sanitizer sees every past input. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input also cut short at every power of two: parsers fail most often at an early end. */
static void run(const uint8_t *data, size_t size)
{
    (void)LLVMFuzzerTestOneInput(data, size);
    for (size_t cut = 1; cut < size; cut *= 2) {
        (void)LLVMFuzzerTestOneInput(data, cut);
        (void)LLVMFuzzerTestOneInput(data, size - cut);
    }
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    enum { LIMIT = 1 << 20 };
    uint8_t *data = malloc(LIMIT);
    size_t size = data == NULL ? 0 : fread(data, 1, LIMIT, file);
    /* An exact-size copy, so that a sanitizer sees a read one byte past the end. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (data != NULL && exact != NULL) {
        memcpy(exact, data, size);
        run(exact, size);
    }
    free(exact);
    free(data);
    (void)fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    run((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char path[4096];
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            struct stat info;
            if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
                if (replay_file(path) != 0) return 1;
                files++;
            }
        }
        (void)closedir(folder);
    }
    if (files == 0) {
        (void)fprintf(stderr, "no corpus: nothing was replayed\n");
        return 1;
    }
    (void)printf("replayed %u inputs\n", files);
    return 0;
}
