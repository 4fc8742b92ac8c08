#include "cmd/args.h"

#include "base/err.h"

int amount_arg(struct u256 *v, const char *text, const char *what, enum cli_unit unit, struct err *err)
{
	if (cli_amount(v, text, unit, err) < 0) {
		err_wrap(err, "%s", what);
		return 2;
	}
	return 0;
}

int addr_arg(const struct cli *c, struct eth_addr *a, const char *text, const char *what, struct err *err)
{
	if (cli_addr(c, a, text, err) < 0) {
		err_wrap(err, "%s", what);
		return 2;
	}
	return 0;
}
