// SPDX-License-Identifier: Apache-2.0
//
// A model's metadata: u32 n (little endian), n bytes of the metadata FlatBuffer, then the file with
// the zip at its end.

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "engine/archive.h"
#include "engine/metadata.h"

static void fuzz_start(void)
{
}

static void read_labels(const struct metadata *metadata)
{
    size_t length = 0;
    for (uint32_t i = 0; i < metadata->label_count; i++)
        length += strlen(metadata->labels[i]);
    fuzz_require(metadata->channels <= 4 && length <= METADATA_FILE_MAX);
}

static void unpack(const uint8_t *data, size_t size)
{
    struct archive archive;
    uint8_t *content;
    size_t length;
    if (archive_open(&archive, data, size) != 0)
        return;
    if (archive_read(&archive, "labels.txt", 1 << 20, &content, &length) == 0) {
        fuzz_require(length <= 1 << 20);
        free(content);
    }
    if (archive_move(&archive, 12345, &content, &length) == 0)
        free(content);
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    size_t length = fuzz_take_u16(&bytes);
    length |= (size_t)fuzz_take_u16(&bytes) << 16;
    const uint8_t *start = fuzz_take(&bytes, length, &length);
    uint8_t *buffer = malloc(length + 1); // aligned, as a FlatBuffer in a file is
    if (!buffer)
        return;
    memcpy(buffer, start, length);
    struct metadata metadata;
    struct store store = {0};
    struct model_error error = {{0}};
    memset(&metadata, 0, sizeof(metadata));
    int status =
        metadata_read(&metadata, buffer, (uint32_t)length, bytes.data, bytes.size, &store, &error);
    if (status == 0)
        read_labels(&metadata);
    else
        fuzz_require(error.text[0] && !strchr(error.text, '\n'));
    store_finish(&store);
    free(buffer);
    unpack(bytes.data, bytes.size);
}
