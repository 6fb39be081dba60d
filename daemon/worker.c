// SPDX-License-Identifier: Apache-2.0

#include "daemon/worker.h"

#include <errno.h>
#include <string.h>

#include "daemon/network.h"

int worker_init(struct worker *worker, uint32_t index)
{
    memset(worker, 0, sizeof(*worker));
    worker->index = index;
    return 0;
}

void worker_finish(struct worker *worker)
{
    for (uint32_t i = 0; i < WORKER_PLANS; i++)
        convert_destroy(worker->plans[i].convert);
    jpeg_decoder_destroy(worker->jpeg);
    memset(worker, 0, sizeof(*worker));
}

static int make_plan(struct worker_plan *plan, const struct network *network,
                     const struct image *image)
{
    convert_destroy(plan->convert);
    plan->convert = NULL;
    plan->network = 0;
    int status = convert_create(image, &network->target, &plan->convert);
    if (status == 0)
        plan->network = network->number;
    return status;
}

static int find_plan(struct worker *worker, const struct network *network,
                     const struct image *image, struct convert **convert)
{
    struct worker_plan *oldest = &worker->plans[0];
    for (uint32_t i = 0; i < WORKER_PLANS; i++) {
        struct worker_plan *plan = &worker->plans[i];
        if (plan->network == network->number && convert_matches(plan->convert, image)) {
            plan->used = ++worker->clock;
            *convert = plan->convert;
            return 0;
        }
        if (plan->used < oldest->used)
            oldest = plan;
    }
    int status = make_plan(oldest, network, image);
    oldest->used = status == 0 ? ++worker->clock : 0;
    *convert = oldest->convert;
    return status;
}

// The decoder may scale down as long as the cut that is used still covers the model's input.
static int decode(struct worker *worker, const struct network *network, const struct image *jpeg,
                  struct image *image)
{
    struct decode_error error;
    int status = worker->jpeg ? 0 : jpeg_decoder_create(&worker->jpeg);
    if (status < 0)
        return status;
    return jpeg_decode(worker->jpeg, jpeg->planes[0], jpeg->size[0], network->target.width,
                       network->target.height, image, &error);
}

int worker_preprocess(struct worker *worker, const struct network *network,
                      const struct image *image, void *dst)
{
    struct image decoded;
    struct convert *convert;
    if (image->format == IMAGE_JPEG) {
        int status = decode(worker, network, image, &decoded);
        if (status < 0)
            return status;
        image = &decoded;
    }
    int status = find_plan(worker, network, image, &convert);
    return status < 0 ? status : convert_run(convert, image, dst);
}
