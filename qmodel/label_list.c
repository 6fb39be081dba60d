// SPDX-License-Identifier: Apache-2.0
#include "qmodel/label_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define LABEL_FILE_MAX (4u << 20)

static int read_text(const char *path, char **text)
{
    cleanup_file FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    cleanup_free char *content = malloc(LABEL_FILE_MAX + 1);
    if (!content)
        return -ENOMEM;
    errno = 0;
    size_t size = fread(content, 1, LABEL_FILE_MAX + 1, file);
    if (ferror(file))
        return errno ? -errno : -EIO;
    if (size > LABEL_FILE_MAX)
        return -EFBIG;
    if (memchr(content, '\0', size))
        return -EILSEQ;
    content[size] = '\0';
    *text = steal_pointer(&content);
    return 0;
}

int label_list_init(struct label_list *list, const struct model *model, const char *path)
{
    *list = (struct label_list){.model = model};
    if (!path)
        return 0;
    int rc = read_text(path, &list->text);
    if (rc < 0)
        return rc;
    uint32_t lines = 1;
    for (const char *c = list->text; *c; c++)
        lines += *c == '\n';
    list->lines = calloc(lines, sizeof(*list->lines));
    if (!list->lines) {
        label_list_finish(list);
        return -ENOMEM;
    }
    char *rest = list->text;
    while (rest && *rest) {
        char *line = strsep(&rest, "\n");
        line[strcspn(line, "\r")] = '\0';
        list->lines[list->count++] = line;
    }
    while (list->count && !*list->lines[list->count - 1])
        list->count--; // empty lines at the end name nothing
    return 0;
}

void label_list_finish(struct label_list *list)
{
    free(list->lines);
    free(list->text);
    *list = (struct label_list){0};
}

const char *label_list_get(const struct label_list *list, uint32_t index)
{
    if (list->lines)
        return index < list->count ? list->lines[index] : NULL;
    return model_label(list->model, index);
}
