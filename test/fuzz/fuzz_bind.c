/*
 * A reader by the first byte, then what a node answers: a call's result, or a log's topics
 * (as many as the second byte says) and data.  What is read has its memory to itself, texts
 * that end, and is freed whole.
 */
#include <stdlib.h>
#include <string.h>

#include "bind/bonding_manager.h"
#include "bind/jobs_manager.h"
#include "bind/livepeer_governor.h"
#include "bind/livepeer_token.h"
#include "bind/service_registry.h"
#include "bind/verifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void touch(const void *p, size_t n)
{
	static volatile uint8_t sum;
	size_t i;

	for (i = 0; i < n; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
}

static void results(uint8_t which, const uint8_t *p, size_t n)
{
	struct bonding_manager_get_transcoders transcoders;
	struct livepeer_token_eip712_domain domain;
	struct verifier_get_jury jury;
	struct verifier_get_appeal appeal;
	struct jobs_manager_get_job job;
	struct jobs_manager_get_claim claim;

	switch (which) {
	case 0:
		if (bonding_manager_get_transcoders_read(&transcoders, p, n, NULL) == 0)
			touch(transcoders.rows, transcoders.n_rows * sizeof(*transcoders.rows));
		bonding_manager_get_transcoders_fini(&transcoders);
		return;
	case 1:
		if (livepeer_token_eip712_domain_read(&domain, p, n, NULL) == 0) {
			touch(domain.name, strlen(domain.name));
			touch(domain.extensions, domain.n_extensions * sizeof(*domain.extensions));
		}
		livepeer_token_eip712_domain_fini(&domain);
		return;
	case 2:
		if (verifier_get_jury_read(&jury, p, n, NULL) == 0)
			touch(jury.v1, jury.n_v1 * sizeof(*jury.v1));
		verifier_get_jury_fini(&jury);
		return;
	case 3:
		if (verifier_get_appeal_read(&appeal, p, n, NULL) == 0 && appeal.value.jury.phase > 255)
			abort();
		return;
	case 4:
		if (jobs_manager_get_job_read(&job, p, n, NULL) == 0)
			touch(&job, sizeof(job));
		return;
	default:
		if (jobs_manager_get_claim_read(&claim, p, n, NULL) == 0)
			touch(&claim, sizeof(claim));
	}
}

static void proposal(const struct eth_log *log)
{
	struct livepeer_governor_proposal_created_event e;
	size_t i;

	if (livepeer_governor_proposal_created_event_read(&e, log, NULL) == 0) {
		for (i = 0; i < e.n_signatures; i++)
			touch(e.signatures[i], strlen(e.signatures[i]));
		for (i = 0; i < e.n_calldatas; i++)
			touch(e.calldatas[i].p, e.calldatas[i].n);
		touch(e.description, strlen(e.description));
	}
	livepeer_governor_proposal_created_event_fini(&e);
}

static void events(uint8_t which, const struct eth_log *log)
{
	struct service_registry_service_uri_update_event uri;
	struct bonding_manager_bond_event bond;

	switch (which) {
	case 6:
		proposal(log);
		return;
	case 7:
		if (service_registry_service_uri_update_event_read(&uri, log, NULL) == 0)
			touch(uri.service_uri, strlen(uri.service_uri));
		service_registry_service_uri_update_event_fini(&uri);
		return;
	default:
		if (bonding_manager_bond_event_read(&bond, log, NULL) == 0)
			touch(&bond, sizeof(bond));
	}
}

/* The right topic 0 is no discovery to wait for. */
static const struct hash32 *topic_of(uint8_t which)
{
	if (which == 6)
		return livepeer_governor_proposal_created_topic();
	return which == 7 ? service_registry_service_uri_update_topic() : bonding_manager_bond_topic();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct eth_log log = { 0 };
	struct rd in = rd_of(data, len);
	uint8_t which = rd_u8(&in) % 9;
	unsigned i;

	if (which < 6) {
		results(which, in.p, in.left);
		return 0;
	}
	log.topics[0] = *topic_of(which);
	log.n_topics = 1 + rd_u8(&in) % 4;
	for (i = 1; i < log.n_topics; i++) {
		const uint8_t *topic = rd_bytes(&in, 32);

		if (topic)
			memcpy(log.topics[i].b, topic, 32);
	}
	log.data = (uint8_t *)(uintptr_t)in.p;
	log.n_data = in.left;
	events(which, &log);
	return 0;
}
