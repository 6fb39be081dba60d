// SPDX-License-Identifier: Apache-2.0
//
// The right classes of samples, where they are known:
//
//     FILE.npy   integers [n], one a sample
//     LIST       a text file: "NAME<TAB>CLASS" or "NAME CLASS" a line, NAME as the sample's file is
//     called; or one CLASS a
//                line, in the samples' order
//     nothing    pictures in one folder a class: the folder's name is the class
//
// A class is its number, or its label in the model's metadata (only after a tab or as a folder can
// it have spaces).

#ifndef QEDGE_QMODEL_TRUTH_H
#define QEDGE_QMODEL_TRUTH_H

#include <stdint.h>

#include "engine/model.h"
#include "qmodel/samples.h"

struct truth {
    int32_t *classes; // one a sample, -1 = not known; NULL: none is
    uint32_t known;
};

// path: NULL = only what folders tell. 0, or COMMAND_FAILED with the line written: a file that can
// not be read, a class that there is not, or no sample that it speaks of.
int truth_open(struct truth *truth, const char *command, const char *path,
               const struct samples *samples, const struct model *model);
void truth_close(struct truth *truth);

#endif
