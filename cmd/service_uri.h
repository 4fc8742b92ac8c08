#ifndef LP_CMD_SERVICE_URI_H
#define LP_CMD_SERVICE_URI_H
#include "cmd/cli.h"

/* Where somebody's node is reached, as the ServiceRegistry tells it: a stranger's text, "" when none
 * is told.  *uri is malloc'ed, NULL unless 0.  Exit code. */
int service_uri_read(struct cli *c, const struct eth_addr *who, char **uri, struct err *err);

#endif
