/* SPDX-License-Identifier: Apache-2.0 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints one value of a JSON file for a shell: json_number FILE messages.offered */
int main(int argc, char **argv)
{
    static char text[1 << 24];
    FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        (void)fprintf(stderr, "usage: json_number FILE PATH\n");
        return 2;
    }
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    (void)fclose(file);
    const cJSON *value = cJSON_Parse(text);
    for (char *save, *name = strtok_r(argv[2], ".", &save); name != NULL; name = strtok_r(NULL, ".", &save)) {
        value = cJSON_GetObjectItemCaseSensitive(value, name);
    }
    if (cJSON_IsNumber(value)) return printf("%.15g\n", value->valuedouble) < 0;
    if (cJSON_IsString(value)) return printf("%s\n", value->valuestring) < 0;
    if (cJSON_IsBool(value)) return printf("%s\n", cJSON_IsTrue(value) ? "true" : "false") < 0;
    return 1;
}
