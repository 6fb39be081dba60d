// SPDX-License-Identifier: Apache-2.0
//
// A parsed YAML document -> struct config: a walk that holds it against the schema table and
// collects every error with its place, so that one run tells all that is wrong.

#ifndef QEDGE_DAEMON_CONFIG_DOCUMENT_H
#define QEDGE_DAEMON_CONFIG_DOCUMENT_H

#include <yaml.h>

#include "daemon/config.h"

// Fills *config, zeroed by the caller: defaults first, then what stands in the document, which
// stays the caller's. Good only when no error came to *errors; `name` stands for the file in their
// lines. The document must not nest without end (the walk is recursive: config.c looks before). Any
// thread.
void config_document_read(const char *name, yaml_document_t *document, struct config *config,
                          struct config_errors *errors);

#endif
