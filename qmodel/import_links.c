// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "qmodel/import_passes.h"

int import_links_make(struct importer *im, struct import_links *links)
{
    const struct draft *d = im->draft;
    if (links->capacity < d->tensor_count) {
        links->capacity = 2 * d->tensor_count + 2 * d->operator_count;
        links->producer = import_take(im, links->capacity, sizeof(*links->producer));
        links->reader = import_take(im, links->capacity, sizeof(*links->reader));
        links->uses = import_take(im, links->capacity, sizeof(*links->uses));
        if (!links->producer || !links->reader || !links->uses)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < links->capacity; i++) {
        links->producer[i] = links->reader[i] = IMPORT_NONE;
        links->uses[i] = 0;
    }
    for (uint32_t i = 0; i < d->operator_count; i++) {
        const struct draft_operator *op = &d->operators[i];
        for (uint32_t j = 0; j < op->output_count; j++)
            links->producer[op->outputs[j]] = (int32_t)i;
        for (uint32_t j = 0; j < op->input_count && !import_is_dead(op); j++) {
            if (op->inputs[j] == GRAPH_ABSENT)
                continue;
            links->reader[op->inputs[j]] = (int32_t)i;
            links->uses[op->inputs[j]]++;
        }
    }
    for (uint32_t i = 0; i < d->output_count; i++)
        links->uses[d->outputs[i]]++;
    return 0;
}

// Depth first from the outputs, with a stack of its own: a chain may be as long as the graph.
struct schedule {
    const struct import_links *links;
    struct draft_operator *done;
    uint32_t count;
    uint8_t *seen;
    struct {
        int32_t op;
        uint32_t next;
    } * stack;
    uint32_t depth;
};

static void push(struct schedule *s, int32_t tensor)
{
    int32_t op = tensor == GRAPH_ABSENT ? IMPORT_NONE : s->links->producer[tensor];
    if (op == IMPORT_NONE || s->seen[op])
        return;
    s->seen[op] = 1;
    s->stack[s->depth].op = op;
    s->stack[s->depth++].next = 0;
}

int import_schedule(struct importer *im)
{
    struct draft *d = im->draft;
    struct import_links links = {0};
    struct schedule s = {.links = &links};
    if (import_links_make(im, &links) < 0)
        return -ENOMEM;
    s.done = import_take(im, d->operator_count, sizeof(*s.done));
    s.seen = import_take(im, d->operator_count, 1);
    s.stack = import_take(im, d->operator_count, sizeof(*s.stack));
    if (!s.done || !s.seen || !s.stack)
        return -ENOMEM;
    for (uint32_t i = 0; i < d->output_count; i++) {
        push(&s, d->outputs[i]);
        while (s.depth) {
            const struct draft_operator *op = &d->operators[s.stack[s.depth - 1].op];
            if (s.stack[s.depth - 1].next < op->input_count)
                push(&s, op->inputs[s.stack[s.depth - 1].next++]);
            else
                s.done[s.count++] = d->operators[s.stack[--s.depth].op];
        }
    }
    if (s.count)
        memcpy(d->operators, s.done, s.count * sizeof(*s.done));
    d->operator_count = s.count;
    return 0;
}
