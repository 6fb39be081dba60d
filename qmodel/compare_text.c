// SPDX-License-Identifier: Apache-2.0
//
// The comparison on a terminal, and as JSON. Names of tensors come without control characters from
// the engine; paths are the user's own.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "qmodel/command.h"
#include "qmodel/comparison.h"

// ---- text -------------------------------------------------------------------

static double bytes_an_element(const struct comparison_side *s)
{
    return s->weight_elements ? (double)s->weight_bytes / (double)s->weight_elements : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_sizes(const struct comparison_side *a, const struct comparison_side *b)
{
    printf("%-24s %14llu %14llu  %.1f %%\n", "file, bytes", (unsigned long long)a->file_bytes,
           (unsigned long long)b->file_bytes, percent(b->file_bytes, a->file_bytes));
    printf("%-24s %14llu %14llu  %.1f %%\n", "weights, bytes", (unsigned long long)a->weight_bytes,
           (unsigned long long)b->weight_bytes, percent(b->weight_bytes, a->weight_bytes));
    printf("%-24s %14.2f %14.2f\n", "bytes an element", bytes_an_element(a), bytes_an_element(b));
}

static void print_answers(const struct comparison *c)
{
    char db[32];
    const struct comparison_side *a = &c->sides[0], *b = &c->sides[1];
    if (c->known) {
        printf("%-24s %12.2f %% %12.2f %%  of %u whose class is known\n", "accuracy",
               percent(a->right, c->known), percent(b->right, c->known), c->known);
    }
    printf("%-24s %14s %12.2f %%  %u of %u\n", "same best class", "",
           percent(c->same_best, c->samples), c->same_best, c->samples);
    printf("%-24s %14s %12.2f %%  %u of %u\n", "A's best in B's five", "",
           percent(c->in_five, c->samples), c->in_five, c->samples);
    printf("%-24s %14s %14.3g\n", "mean absolute error", "", c->difference / (double)c->values);
    comparison_db_text(c->signal, c->noise, db, sizeof(db));
    printf("%-24s %14s %14s\n", "SQNR of the output, dB", "", c->noise > 0 ? db : "outputs equal");
}

static void print_costs(const struct comparison *c)
{
    const struct comparison_side *a = &c->sides[0], *b = &c->sides[1];
    printf("%-24s %14.1f %14.1f  %.2f x as fast\n", "latency p50, us", a->p50_us, b->p50_us,
           a->p50_us / b->p50_us);
    printf("%-24s %14.1f %14.1f\n", "latency p99, us", a->p99_us, b->p99_us);
    if (a->joules >= 0 && b->joules >= 0)
        printf("%-24s %14.3f %14.3f  %s\n", "energy, mJ", 1000 * a->joules, 1000 * b->joules,
               c->meter);
    else
        printf("%-24s %14s %14s  %s\n", "energy, mJ", "-", "-", c->meter);
}

static void print_layers(const struct comparison *c, uint32_t most)
{
    cleanup_free uint32_t *worst = calloc(most + 1, sizeof(*worst));
    uint32_t n = worst ? comparison_worst(c, most, worst) : 0;
    if (n == 0)
        return;
    printf("\nworst layers, SQNR in dB (own: A's layer on B's input; whole: A's run against B's), "
           "%u sample%s:\n",
           c->layer_samples, c->layer_samples == 1 ? "" : "s");
    printf("%8s %8s  %-18s %s\n", "own", "whole", "operator", "output");
    for (uint32_t i = 0; i < n; i++) {
        const struct comparison_layer *l = &c->layers[worst[i]];
        char own[32], whole[32];
        printf("%8s %8s  %-18s %s\n",
               comparison_db_text(l->own_signal, l->own_noise, own, sizeof(own)),
               comparison_db_text(l->whole_signal, l->whole_noise, whole, sizeof(whole)), l->op,
               l->name);
    }
    if (c->rescaled)
        printf("B's channels were rescaled (equalization): that is taken back before layers are "
               "compared\n");
    if (c->unmatched)
        printf("%u of B's layers have no counterpart in A\n", c->unmatched);
}

void comparison_print(const struct comparison *c, uint32_t worst)
{
    printf("A: %s\nB: %s\n%u samples of %s\n\n", c->sides[0].path, c->sides[1].path, c->samples,
           c->data);
    printf("%-24s %14s %14s\n", "", "A", "B");
    print_sizes(&c->sides[0], &c->sides[1]);
    print_answers(c);
    print_costs(c);
    if (worst > 0)
        print_layers(c, worst);
}

// ---- JSON -------------------------------------------------------------------

static void write_double(struct json_writer *json, const char *key, double value)
{
    json_write_key(json, key);
    json_write_double(json, value);
}

static void write_side(struct json_writer *json, const struct comparison *c,
                       const struct comparison_side *s)
{
    json_write_object_begin(json);
    json_write_member_string(json, "path", s->path);
    json_write_member_u64(json, "file_bytes", s->file_bytes);
    json_write_member_u64(json, "weight_bytes", s->weight_bytes);
    json_write_member_u64(json, "weight_elements", s->weight_elements);
    write_double(json, "bytes_an_element", bytes_an_element(s));
    json_write_key(json, "right");
    if (c->known)
        json_write_u64(json, s->right);
    else
        json_write_null(json);
    json_write_member_fixed(json, "p50_us", s->p50_us, 1);
    json_write_member_fixed(json, "p99_us", s->p99_us, 1);
    json_write_member_u64(json, "timed_runs", s->runs);
    write_double(json, "energy_mj", s->joules < 0 ? NAN : 1000 * s->joules);
    json_write_object_end(json);
}

static void write_layers(struct json_writer *json, const struct comparison *c)
{
    json_write_key(json, "layers");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < c->layer_count; i++) {
        const struct comparison_layer *l = &c->layers[i];
        json_write_object_begin(json);
        json_write_member_string(json, "output", l->name);
        json_write_member_string(json, "op", l->op);
        json_write_member_u64(json, "elements", l->elements);
        write_double(json, "own_sqnr_db", comparison_db(l->own_signal, l->own_noise));
        write_double(json, "whole_sqnr_db", comparison_db(l->whole_signal, l->whole_noise));
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

static int write_json(const struct comparison *c, char *buffer, size_t size, size_t *needed)
{
    struct json_writer json;
    json_write_init(&json, buffer, size);
    json_write_object_begin(&json);
    for (uint32_t s = 0; s < 2; s++) {
        json_write_key(&json, s ? "b" : "a");
        write_side(&json, c, &c->sides[s]);
    }
    json_write_member_string(&json, "data", c->data);
    json_write_member_u64(&json, "samples", c->samples);
    json_write_member_u64(&json, "known", c->known);
    json_write_member_u64(&json, "same_best", c->same_best);
    json_write_member_u64(&json, "best_in_five", c->in_five);
    write_double(&json, "mean_difference", c->difference / (double)c->values);
    write_double(&json, "sqnr_db", comparison_db(c->signal, c->noise));
    json_write_member_string(&json, "meter", c->meter);
    json_write_member_u64(&json, "layer_samples", c->layer_samples);
    json_write_member_u64(&json, "layers_without_counterpart", c->unmatched);
    json_write_member_bool(&json, "rescaled", c->rescaled);
    write_layers(&json, c);
    json_write_object_end(&json);
    int rc = json_write_finish(&json);
    *needed = json.length + 1;
    return rc;
}

int comparison_print_json(const struct comparison *c)
{
    char none[1];
    size_t size;
    write_json(c, none, sizeof(none), &size);
    cleanup_free char *buffer = malloc(size);
    if (!buffer || write_json(c, buffer, size, &size) < 0)
        return command_fail("compare", "no memory to print");
    puts(buffer);
    return COMMAND_OK;
}
