// SPDX-License-Identifier: Apache-2.0
//
// The comparison as one page that needs nothing else: no script, no font, no picture from elsewhere
// (the page's own policy forbids them). Whatever comes from a model or a command line goes through
// html_text.

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/output_file.h"
#include "qmodel/comparison.h"
#include "qmodel/html_text.h"

#define PLOT_HEIGHT 180
#define BAR_STEP 14
#define DB_TOP 80.0 // a layer this good is drawn as high as can be

// clang-format off
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>qmodel compare</title>\n<style>\n"
    ":root{color-scheme:light dark;--page:#fbfbfa;--card:#fff;--ink:#1d2126;--dim:#626a73;--line:#dfe2e6;"
    "--a:#3f74b5;--b:#d97021;--good:#3f8f5f;--fair:#c9971c;--bad:#c4453c}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1d2226;--ink:#e6e9ec;--dim:#9aa4ad;--line:#343b42;"
    "--a:#76a9e6;--b:#f0985a;--good:#64b888;--fair:#dcb24a;--bad:#e5746b}}\n"
    "body{margin:0 auto;max-width:62rem;padding:1.5rem 1rem 4rem;background:var(--page);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.4rem;margin:.2rem 0 .8rem}h2{font-size:1.05rem;margin:2rem 0 .6rem}\n"
    "p,figcaption{color:var(--dim);margin:.3rem 0}code{font-family:ui-monospace,monospace;font-size:.86em;"
    "overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%;background:var(--card)}"
    "td,th{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums}"
    "th{color:var(--dim);font-weight:600}td:first-child,th:first-child,.name{text-align:left}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;margin:.8rem 0}"
    ".scroll{overflow-x:auto}.pair{display:flex;flex-wrap:wrap;gap:1rem}.pair figure{flex:1 1 20rem;margin:0}\n"
    "svg{display:block;max-width:100%}.scroll svg{max-width:none}svg text{fill:var(--dim);font-size:10px}\n"
    ".a{fill:var(--a)}.b{fill:var(--b)}.good{fill:var(--good)}.fair{fill:var(--fair)}.bad{fill:var(--bad)}"
    ".exact{fill:var(--line)}.grid{stroke:var(--line)}.whole{fill:none;stroke:var(--ink);stroke-width:1.5}"
    ".outline{fill:none;stroke:var(--b);stroke-width:1.6}.shape{fill:var(--a);opacity:.45}\n"
    ".key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 1em;vertical-align:-.05em}\n"
    "</style></head><body>\n";
// clang-format on

// ---- the table --------------------------------------------------------------

static void row(FILE *f, const char *what, const char *a, const char *b, const char *note)
{
    fprintf(f, "<tr><td>%s</td><td>%s</td><td>%s</td><td class=\"name\">", what, a, b);
    html_text(f, note);
    fputs("</td></tr>\n", f);
}

static void number_row(FILE *f, const char *what, const char *format, double a, double b,
                       const char *note)
{
    char left[40] = "", right[40] = "";
    if (!isnan(a))
        snprintf(left, sizeof(left), format, a);
    if (!isnan(b))
        snprintf(right, sizeof(right), format, b);
    row(f, what, left, right, note);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_table(FILE *f, const struct comparison *c)
{
    const struct comparison_side *a = &c->sides[0], *b = &c->sides[1];
    char note[80], db[32];
    fputs("<table><tr><th></th><th>A</th><th>B</th><th class=\"name\"></th></tr>\n", f);
    snprintf(note, sizeof(note), "B has %.1f %% of A's", share(b->file_bytes, a->file_bytes));
    number_row(f, "file, bytes", "%.0f", (double)a->file_bytes, (double)b->file_bytes, note);
    snprintf(note, sizeof(note), "B has %.1f %% of A's", share(b->weight_bytes, a->weight_bytes));
    number_row(f, "weights, bytes", "%.0f", (double)a->weight_bytes, (double)b->weight_bytes, note);
    number_row(f, "bytes an element", "%.2f", (double)a->weight_bytes / (double)a->weight_elements,
               (double)b->weight_bytes / (double)b->weight_elements, "");
    snprintf(note, sizeof(note), "of %u samples whose class is known", c->known);
    if (c->known)
        number_row(f, "accuracy, %", "%.2f", share(a->right, c->known), share(b->right, c->known),
                   note);
    snprintf(note, sizeof(note), "%u of %u samples", c->same_best, c->samples);
    number_row(f, "same best class, %", "%.2f", NAN, share(c->same_best, c->samples), note);
    snprintf(note, sizeof(note), "%u of %u samples", c->in_five, c->samples);
    number_row(f, "A's best in B's five, %", "%.2f", NAN, share(c->in_five, c->samples), note);
    number_row(f, "mean absolute error", "%.3g", NAN, c->difference / (double)c->values,
               "of the first output");
    row(f, "SQNR, dB", "", comparison_db_text(c->signal, c->noise, db, sizeof(db)),
        "of the first output");
    snprintf(note, sizeof(note), "B is %.2f times as fast", a->p50_us / b->p50_us);
    number_row(f, "latency p50, µs", "%.1f", a->p50_us, b->p50_us, note);
    number_row(f, "latency p99, µs", "%.1f", a->p99_us, b->p99_us, "");
    bool metered = a->joules >= 0 && b->joules >= 0;
    number_row(f, "energy, mJ", "%.3f", metered ? 1000 * a->joules : NAN,
               metered ? 1000 * b->joules : NAN, c->meter);
    fputs("</table>\n", f);
}

static void size_bar(FILE *f, int y, const char *class, double bytes, double most, const char *what)
{
    double width = most > 0 ? 460 * bytes / most : 0;
    fprintf(f,
            "<text x=\"0\" y=\"%d\">%s</text><rect class=\"%s\" x=\"80\" y=\"%d\" width=\"%.1f\" "
            "height=\"16\" rx=\"3\"/>"
            "<text x=\"%.1f\" y=\"%d\">%.1f KiB</text>\n",
            y + 12, what, class, y, width, 86 + width, y + 12, bytes / 1024);
}

static void write_sizes(FILE *f, const struct comparison *c)
{
    const struct comparison_side *a = &c->sides[0], *b = &c->sides[1];
    double most = (double)(a->file_bytes > b->file_bytes ? a->file_bytes : b->file_bytes);
    fputs("<h2>Size</h2><div class=\"card\"><svg viewBox=\"0 0 640 92\" width=\"640\" role=\"img\" "
          "aria-label=\"sizes of files and weights\">\n",
          f);
    size_bar(f, 2, "a", (double)a->file_bytes, most, "A, file");
    size_bar(f, 24, "a", (double)a->weight_bytes, most, "A, weights");
    size_bar(f, 50, "b", (double)b->file_bytes, most, "B, file");
    size_bar(f, 72, "b", (double)b->weight_bytes, most, "B, weights");
    fputs("</svg></div>\n", f);
}

// ---- layers -----------------------------------------------------------------

// Pixels above the base line; what is exact or better than the top is drawn at the top.
static double height_of(double signal, double noise)
{
    double db = noise > 0 ? comparison_db(signal, noise) : DB_TOP;
    return PLOT_HEIGHT * (!(db > 0) ? 0 : db > DB_TOP ? DB_TOP : db) / DB_TOP;
}

static const char *grade(const struct comparison_layer *l)
{
    double db = comparison_db(l->own_signal, l->own_noise);
    return l->own_noise == 0 ? "exact" : db >= 40 ? "good" : db >= 25 ? "fair" : "bad";
}

static void write_bar(FILE *f, const struct comparison_layer *l, uint32_t i)
{
    char own[32], whole[32];
    double height = fmax(height_of(l->own_signal, l->own_noise), 1);
    fprintf(f,
            "<rect class=\"%s\" x=\"%u\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" "
            "rx=\"2\"><title>%u %s ",
            grade(l), 40 + i * BAR_STEP, 10 + PLOT_HEIGHT - height, BAR_STEP - 3, height, i, l->op);
    html_text(f, l->name);
    fprintf(f, ": own %s, whole %s dB</title></rect>\n",
            comparison_db_text(l->own_signal, l->own_noise, own, sizeof(own)),
            comparison_db_text(l->whole_signal, l->whole_noise, whole, sizeof(whole)));
}

static void write_plot(FILE *f, const struct comparison *c)
{
    uint32_t width = 60 + c->layer_count * BAR_STEP;
    fprintf(f,
            "<div class=\"card\"><div class=\"scroll\"><svg width=\"%u\" height=\"%d\" viewBox=\"0 "
            "0 %u %d\" role=\"img\" "
            "aria-label=\"SQNR of each layer\">\n",
            width, PLOT_HEIGHT + 30, width, PLOT_HEIGHT + 30);
    for (int db = 0; db <= (int)DB_TOP; db += 20) {
        double y = 10 + PLOT_HEIGHT * (1 - db / DB_TOP);
        fprintf(f,
                "<line class=\"grid\" x1=\"34\" x2=\"%u\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"0\" "
                "y=\"%.1f\">%d dB</text>\n",
                width, y, y, y + 3, db);
    }
    for (uint32_t i = 0; i < c->layer_count; i++)
        write_bar(f, &c->layers[i], i);
    fputs("<polyline class=\"whole\" points=\"", f);
    for (uint32_t i = 0; i < c->layer_count; i++)
        fprintf(f, "%u,%.1f ", 40 + i * BAR_STEP + (BAR_STEP - 3) / 2,
                10 + PLOT_HEIGHT - height_of(c->layers[i].whole_signal, c->layers[i].whole_noise));
    fputs("\"/>\n", f);
    for (uint32_t i = 0; i < c->layer_count; i += 5)
        fprintf(f, "<text x=\"%u\" y=\"%d\">%u</text>\n", 40 + i * BAR_STEP, PLOT_HEIGHT + 24, i);
    fputs(
        "</svg></div><p>Bars: what each layer alone adds, A's layer run on B's input"
        "<span class=\"key\" style=\"background:var(--good)\"></span>40 dB and more"
        "<span class=\"key\" style=\"background:var(--fair)\"></span>25 to 40 dB"
        "<span class=\"key\" style=\"background:var(--bad)\"></span>less"
        "<span class=\"key\" style=\"background:var(--line)\"></span>exact. "
        "Line: what has come together up to there. Higher is better; 6 dB are one bit.</p></div>\n",
        f);
}

// ---- histograms -------------------------------------------------------------

struct histogram {
    double low, high;
    double bins[2][COMPARISON_BINS]; // shares of A's and B's values
    bool has[2];
};

static void count(struct histogram *h, uint32_t side, double value, double weight)
{
    double at = (value - h->low) / (h->high - h->low) * COMPARISON_BINS;
    int bin = at >= COMPARISON_BINS ? COMPARISON_BINS - 1 : at > 0 ? (int)at : 0;
    h->bins[side][bin] += weight;
    h->has[side] = true;
}

static void normalise(struct histogram *h)
{
    for (uint32_t side = 0; side < 2; side++) {
        double sum = 0;
        for (uint32_t i = 0; i < COMPARISON_BINS; i++)
            sum += h->bins[side][i];
        for (uint32_t i = 0; i < COMPARISON_BINS && sum > 0; i++)
            h->bins[side][i] /= sum;
    }
}

static void weight_histogram(const struct comparison *c, const struct comparison_layer *l,
                             struct histogram *h)
{
    struct stored_weights w[2];
    double most = 0;
    memset(h, 0, sizeof(*h));
    for (uint32_t s = 0; s < 2; s++) {
        h->has[s] = stored_weights_get(&c->sides[s].stored, l->operators[s], &w[s]);
        for (int64_t i = 0; h->has[s] && i < w[s].elements; i++)
            most = fmax(most, fabs((double)stored_value(&w[s], i)));
    }
    if (!(most > 0) || isinf(most)) {
        h->has[0] = h->has[1] = false;
        return;
    }
    h->low = -most;
    h->high = most;
    for (uint32_t s = 0; s < 2; s++)
        for (int64_t i = 0; h->has[s] && i < w[s].elements; i++)
            count(h, s, (double)stored_value(&w[s], i), 1);
    normalise(h);
}

static void activation_histogram(const struct comparison_layer *l, struct histogram *h)
{
    memset(h, 0, sizeof(*h));
    for (uint32_t s = 0; s < 2; s++) {
        const struct range *r = &l->seen[s];
        if (!r->bins || r->samples == 0)
            continue;
        h->low = fmin(h->low, (double)r->low);
        h->high = fmax(h->high, (double)r->high);
    }
    for (uint32_t s = 0; s < 2 && h->high > h->low; s++)
        for (uint32_t i = 0; l->seen[s].bins && i < RANGES_BINS; i++)
            if (l->seen[s].bins[i])
                count(h, s, ((i + 0.5) * 2 / RANGES_BINS - 1) * (double)l->seen[s].reach,
                      (double)l->seen[s].bins[i]);
    normalise(h);
}

static void write_shape(FILE *f, const struct histogram *h, uint32_t side, double top)
{
    double width = 300.0 / COMPARISON_BINS;
    fprintf(f, "<path class=\"%s\" d=\"M10,110", side ? "outline" : "shape");
    for (uint32_t i = 0; i < COMPARISON_BINS; i++) {
        double y = 110 - 100 * sqrt(h->bins[side][i] / top);
        fprintf(f, "L%.1f,%.1fL%.1f,%.1f", 10 + i * width, y, 10 + (i + 1) * width, y);
    }
    fputs("L310,110Z\"/>\n", f);
}

static void write_histogram(FILE *f, const struct histogram *h, const char *what)
{
    double top = 0;
    for (uint32_t i = 0; i < COMPARISON_BINS; i++)
        top = fmax(top, fmax(h->bins[0][i], h->bins[1][i]));
    if (!(top > 0))
        return;
    fputs("<figure><svg viewBox=\"0 0 320 126\" width=\"320\" role=\"img\">\n", f);
    for (uint32_t side = 0; side < 2; side++)
        if (h->has[side])
            write_shape(f, h, side, top);
    fprintf(f,
            "<line class=\"grid\" x1=\"10\" x2=\"310\" y1=\"110\" y2=\"110\"/><text x=\"10\" "
            "y=\"122\">%.4g</text>"
            "<text x=\"310\" y=\"122\" "
            "text-anchor=\"end\">%.4g</text></svg><figcaption>%s</figcaption></figure>\n",
            h->low, h->high, what);
}

static void write_layer(FILE *f, const struct comparison *c, uint32_t index)
{
    const struct comparison_layer *l = &c->layers[index];
    struct histogram h;
    char own[32], whole[32];
    fprintf(f, "<div class=\"card\"><p>%u %s: own %s dB, whole %s dB</p><code>", index, l->op,
            comparison_db_text(l->own_signal, l->own_noise, own, sizeof(own)),
            comparison_db_text(l->whole_signal, l->whole_noise, whole, sizeof(whole)));
    html_text(f, l->name);
    fputs("</code><div class=\"pair\">\n", f);
    weight_histogram(c, l, &h);
    write_histogram(f, &h, "weights");
    activation_histogram(l, &h);
    write_histogram(f, &h, "values that come out");
    fputs("</div></div>\n", f);
}

static void write_all_layers(FILE *f, const struct comparison *c)
{
    fputs("<h2>All layers</h2><div class=\"scroll\"><table><tr><th></th><th "
          "class=\"name\">operator</th><th>own, dB</th>"
          "<th>whole, dB</th><th>values</th><th class=\"name\">output</th></tr>\n",
          f);
    for (uint32_t i = 0; i < c->layer_count; i++) {
        const struct comparison_layer *l = &c->layers[i];
        char own[32], whole[32];
        fprintf(f,
                "<tr><td>%u</td><td class=\"name\">%s</td><td>%s</td><td>%s</td><td>%llu</td><td "
                "class=\"name\"><code>",
                i, l->op, comparison_db_text(l->own_signal, l->own_noise, own, sizeof(own)),
                comparison_db_text(l->whole_signal, l->whole_noise, whole, sizeof(whole)),
                (unsigned long long)l->elements);
        html_text(f, l->name);
        fputs("</code></td></tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

static int write_layers(FILE *f, const struct comparison *c, uint32_t most)
{
    cleanup_free uint32_t *worst = calloc(most + 1, sizeof(*worst));
    if (!worst)
        return -ENOMEM;
    uint32_t n = comparison_worst(c, most, worst);
    fprintf(f, "<h2>Error of each layer</h2><p>%u samples looked at", c->layer_samples);
    if (c->unmatched)
        fprintf(f, "; %u of B's layers have no counterpart in A", c->unmatched);
    if (c->rescaled)
        fputs("; B's channels were rescaled (equalization): that is taken back before layers are "
              "compared",
              f);
    fputs("</p>\n", f);
    write_plot(f, c);
    fputs("<h2>The worst layers</h2><p><span class=\"key\" style=\"background:var(--a)\"></span>A"
          "<span class=\"key\" style=\"background:var(--b)\"></span>B. Heights are square roots of "
          "the shares, so that "
          "tails are seen.</p>\n",
          f);
    for (uint32_t i = 0; i < n; i++)
        write_layer(f, c, worst[i]);
    write_all_layers(f, c);
    return 0;
}

// ---- the page ---------------------------------------------------------------

static int write_page(FILE *f, const struct comparison *c, uint32_t worst)
{
    fputs(head, f);
    fputs("<h1>qmodel compare</h1><p><span class=\"key\" "
          "style=\"background:var(--a);margin-left:0\"></span>A <code>",
          f);
    html_text(f, c->sides[0].path);
    fputs("</code></p><p><span class=\"key\" style=\"background:var(--b);margin-left:0\"></span>B "
          "<code>",
          f);
    html_text(f, c->sides[1].path);
    fprintf(f, "</code></p><p>%u samples of <code>", c->samples);
    html_text(f, c->data);
    fputs("</code></p>\n", f);
    write_table(f, c);
    write_sizes(f, c);
    int rc = worst > 0 && c->layer_count > 0 ? write_layers(f, c, worst) : 0;
    fputs("</body></html>\n", f);
    return rc;
}

int comparison_write_html(const struct comparison *c, uint32_t worst, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return -ENOMEM;
    int rc = write_page(f, c, worst);
    if (fclose(f) != 0 && rc == 0)
        rc = -ENOMEM;
    if (rc == 0)
        rc = output_file_write(path, text, size);
    free(text);
    return rc;
}
