#include "cmd/claim_arg.h"

#include "cmd/args.h"

int claim_arg_parse(struct claim_arg *a, const struct cli *c, char **args, struct err *err)
{
	int rc = job_id_parse(&a->job, args[0], err);

	if (rc == 0)
		rc = addr_arg(c, &a->transcoder, args[1], "TRANSCODER", err);
	return rc == 0 ? job_id_parse(&a->claim, args[2], err) : rc;
}

int named_claim_read(struct named_claim *n, struct cli *c, const struct claim_arg *a, struct err *err)
{
	int rc = job_read(&n->job, c, a->job, err);

	if (rc == 0)
		rc = claims_read(&n->claims, c, &n->job, &a->transcoder, err);
	return rc == 0 ? claims_find(&n->k, &n->claims, a->claim, &n->job, err) : rc;
}

void named_claim_fini(struct named_claim *n)
{
	claims_fini(&n->claims);
	job_fini(&n->job);
}
