#ifndef LP_CMD_OPTIONS_H
#define LP_CMD_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/opt.h"
#include "node/node.h"

/* Everything that flags, environment and config file can say; lpnode's own table. */
struct config {
	struct node_opts node;
	char *config_file, *verbosity, *log_format;
	bool version, help, help_markdown, help_commands;
};
extern const struct opt lpnode_opts[];
extern const size_t n_lpnode_opts;

#endif
