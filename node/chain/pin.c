/*
 * Where the contracts are decides where money goes: two endpoints must agree about all that
 * is pinned, where there are two.  All is one batch, since whoever types a command waits for it.
 */
#include "node/chain/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/mem.h"
#include "eth/abi.h"
#include "eth/answer.h"
#include "node/chain/rpc.h"

#define CODE_MAX (256 * 1024)	/* bytes; EIP-170 allows 24,576 */
#define FILE_MAX 4096

struct contract {
	const char *name;
	bool may_be_absent;
};

static const struct contract contracts[N_CHAIN_CONTRACTS] = {
	[CONTRACT_CONTROLLER] = { "Controller", false },
	[CONTRACT_LIVEPEER_TOKEN] = { "LivepeerToken", false },
	[CONTRACT_BONDING_MANAGER] = { "BondingManager", false },
	[CONTRACT_JOBS_MANAGER] = { "JobsManager", false },
	[CONTRACT_ROUNDS_MANAGER] = { "RoundsManager", false },
	[CONTRACT_MINTER] = { "Minter", false },
	[CONTRACT_VERIFIER] = { "Verifier", false },
	[CONTRACT_SERVICE_REGISTRY] = { "ServiceRegistry", false },
	[CONTRACT_TREASURY] = { "Treasury", false },
	[CONTRACT_BONDING_VOTES] = { "BondingVotes", false },
	[CONTRACT_LIVEPEER_GOVERNOR] = { "LivepeerGovernor", false },
	[CONTRACT_GENESIS_CLAIM] = { "GenesisClaim", true },
	[CONTRACT_LIVEPEER_TOKEN_FAUCET] = { "LivepeerTokenFaucet", true },
};

const char *chain_contract_name(enum chain_contract c)
{
	return contracts[c].name;
}

/* ---- asking ---- */

/* Of the contracts each has a call, the Controller's is for its code. */
enum { ASK_CHAIN_ID, ASK_GENESIS, ASK_HEAD, ASK_CONTRACTS, N_ASKED = ASK_CONTRACTS + N_CHAIN_CONTRACTS };

/* Frees itself after done. */
struct pinning {
	struct rpc_batch *batch;
	struct chain_pin pin;
	struct eth_header head;
	uint64_t want_chain_id;
	bool has_controller;
	pin_done_cb *done;
	void *arg;
};

static const char *controller_text(char to[43], const struct pinning *p)
{
	eth_addr_fmt(to, &p->pin.contracts[CONTRACT_CONTROLLER]);
	return to;
}

static int read_code(struct pinning *p, const struct rpc_reply *r, struct err *err)
{
	uint8_t *code;
	char at[43];
	size_t n;

	if (!r->result)
		return err_set(err, ERR_INVALID, "the Controller's code: %.140s", r->message);
	if (rpc_bytes(&code, &n, r->result, CODE_MAX, "code", err) < 0)
		return err_wrap(err, "the Controller's code");
	p->pin.controller_code = hash_keccak256(code, n);
	free(code);
	if (n == 0)
		return err_set(err, ERR_INVALID, "there is no contract at %s on chain %" PRIu64
			       ": wrong address or wrong network?", controller_text(at, p), p->pin.chain_id);
	return 0;
}

static int no_controller(const struct pinning *p, const char *why, struct err *err)
{
	char at[43];

	return err_set(err, ERR_INVALID, "the contract at %s is no Controller: getContract %s",
		       controller_text(at, p), why);
}

static int read_contract(struct pinning *p, enum chain_contract c, const struct rpc_reply *r, struct err *err)
{
	static const uint8_t zeros[12];
	uint8_t *word;
	char at[43];
	size_t n;
	int rc = 0;

	if (!r->result)
		return no_controller(p, "fails", err);
	if (rpc_bytes(&word, &n, r->result, 1024, "getContract", err) < 0)
		return no_controller(p, "tells no address", err);
	if (n != 32 || memcmp(word, zeros, sizeof(zeros)) != 0)
		rc = no_controller(p, "tells no address", err);
	else
		memcpy(p->pin.contracts[c].b, word + 12, 20);
	free(word);
	if (rc == 0 && eth_addr_is_zero(&p->pin.contracts[c]) && !contracts[c].may_be_absent)
		return err_set(err, ERR_INVALID, "the Controller at %s knows no %s", controller_text(at, p),
			       contracts[c].name);
	return rc;
}

static char *get_contract_params(const char *controller, const char *name)
{
	struct abi_selector sel = abi_selector_of("getContract(bytes32)");
	struct hash32 id = hash_keccak256(name, strlen(name));
	char sel_hex[9], id_hex[65];

	hex_fmt(sel_hex, sel.b, sizeof(sel.b));
	hex_fmt(id_hex, id.b, sizeof(id.b));
	return xasprintf("[{\"to\":\"%s\",\"data\":\"0x%s%s\"},\"latest\"]", controller, sel_hex, id_hex);
}

static int read_chain(struct pinning *p, const struct rpc_reply *replies, struct err *err)
{
	static const char *const what[] = { "the chain id", "block 0", "the head" };
	struct eth_header genesis;

	for (int i = 0; i < ASK_CONTRACTS; i++) {
		if (!replies[i].result)
			return err_set(err, ERR_INVALID, "%s: refused: %.130s", what[i], replies[i].message);
	}
	if (rpc_u64(&p->pin.chain_id, replies[ASK_CHAIN_ID].result, "chain id", err) < 0 ||
	    rpc_header(&genesis, replies[ASK_GENESIS].result, err) < 0 ||
	    rpc_header(&p->head, replies[ASK_HEAD].result, err) < 0)
		return -1;
	if (genesis.number != 0)
		return err_set(err, ERR_INVALID, "asked for block 0 it told of %" PRIu64, genesis.number);
	p->pin.genesis = genesis.hash;
	if (p->want_chain_id && p->pin.chain_id != p->want_chain_id)
		return err_set(err, ERR_INVALID, "the endpoint is of chain %" PRIu64 ", chain %" PRIu64
			       " was asked for", p->pin.chain_id, p->want_chain_id);
	return 0;
}

static int read_replies(struct pinning *p, const struct rpc_reply *replies, struct err *err)
{
	const struct rpc_reply *of = replies + ASK_CONTRACTS;

	if (read_chain(p, replies, err) < 0)
		return -1;
	if (!p->has_controller)
		return 0;
	if (read_code(p, &of[CONTRACT_CONTROLLER], err) < 0)
		return -1;
	for (int c = CONTRACT_CONTROLLER + 1; c < N_CHAIN_CONTRACTS; c++)
		if (read_contract(p, c, &of[c], err) < 0)
			return -1;
	return 0;
}

static void on_replies(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct pinning *p = arg;
	struct err e = { 0 };
	int rc = -1;

	if (err) {
		e = *err;
		err_wrap(&e, "the chain");
	} else {
		rc = read_replies(p, replies, &e);
	}
	if (rc == 0)
		p->done(p->arg, &p->pin, &p->head, NULL);
	else
		p->done(p->arg, NULL, NULL, &e);
	free(p);
}

static void ask(struct pinning *p, struct rpc *r, uint64_t deadline_ms)
{
	struct rpc_call calls[N_ASKED] = {
		[ASK_CHAIN_ID] = { "eth_chainId", "[]" },
		[ASK_GENESIS] = { "eth_getBlockByNumber", "[\"0x0\",false]" },
		[ASK_HEAD] = { "eth_getBlockByNumber", "[\"latest\",false]" },
	};
	int n_contracts = p->has_controller ? N_CHAIN_CONTRACTS : 0;
	char *params[N_CHAIN_CONTRACTS], at[43];

	controller_text(at, p);
	for (int c = 0; c < n_contracts; c++) {
		bool code = c == CONTRACT_CONTROLLER;

		params[c] = code ? xasprintf("[\"%s\",\"latest\"]", at) : get_contract_params(at, contracts[c].name);
		calls[ASK_CONTRACTS + c] = (struct rpc_call){ code ? "eth_getCode" : "eth_call", params[c] };
	}
	p->batch = rpc_send(r, RPC_AGREE, calls, ASK_CONTRACTS + n_contracts, deadline_ms, on_replies, p);
	for (int c = 0; c < n_contracts; c++)
		free(params[c]);
}

struct pinning *pin_ask(struct rpc *r, const struct eth_addr *controller, uint64_t want_chain_id,
			uint64_t deadline_ms, pin_done_cb *done, void *arg)
{
	struct pinning *p = xcalloc(1, sizeof(*p));

	p->has_controller = controller;
	if (controller)
		p->pin.contracts[CONTRACT_CONTROLLER] = *controller;
	p->want_chain_id = want_chain_id;
	p->done = done;
	p->arg = arg;
	ask(p, r, deadline_ms);
	return p;
}

void pin_cancel(struct pinning *p)
{
	rpc_cancel(p->batch);
	free(p);
}

/* ---- the pin on disk ---- */

/* By the Controller's address, not by what is pinned: a chain begun anew lands in the folder
 * of the one before, where the pin tells it from that one. */
void pin_store_name(char to[64], const struct chain_pin *p)
{
	char hex[9];

	hex_fmt(hex, p->contracts[CONTRACT_CONTROLLER].b, 4);
	snprintf(to, 64, "money/%" PRIu64 "-%s", p->chain_id, hex);
}

static char *pin_text(const struct chain_pin *p)
{
	char genesis[65], code[65], controller[43];

	hex_fmt(genesis, p->genesis.b, 32);
	hex_fmt(code, p->controller_code.b, 32);
	eth_addr_fmt(controller, &p->contracts[CONTRACT_CONTROLLER]);
	return xasprintf("{\n  \"chainId\": %" PRIu64 ",\n  \"genesis\": \"0x%s\",\n  \"controller\": \"%s\",\n"
			 "  \"controllerCode\": \"0x%s\"\n}\n", p->chain_id, genesis, controller, code);
}

static int no_pin(const char *path, struct err *err)
{
	return err_set(err, ERR_INVALID, "%.120s does not say of which chain the folder is", path);
}

static int parse_hash(struct hash32 *h, const json_t *root, const char *field)
{
	const char *s = json_string_value(json_object_get(root, field));

	return s ? hex_parse(h->b, 32, s) : -1;
}

static int pin_parse(struct chain_pin *p, const char *text, size_t len, const char *path, struct err *err)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *id = json_object_get(root, "chainId");
	const char *controller = json_string_value(json_object_get(root, "controller"));
	int rc = -1;

	memset(p, 0, sizeof(*p));
	if (json_is_integer(id) && json_integer_value(id) > 0 && controller &&
	    parse_hash(&p->genesis, root, "genesis") == 0 &&
	    parse_hash(&p->controller_code, root, "controllerCode") == 0 &&
	    eth_addr_parse(&p->contracts[CONTRACT_CONTROLLER], controller, NULL) == 0) {
		p->chain_id = json_integer_value(id);
		rc = 0;
	}
	json_decref(root);
	return rc == 0 ? 0 : no_pin(path, err);
}

/* ERR_NOT_FOUND when there is none. */
static int pin_load(struct chain_pin *p, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[FILE_MAX];
	ssize_t n;

	if (fd < 0)
		return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%.120s: %s", path, strerror(errno));
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 0)
		return err_set(err, ERR_IO, "%.120s: %s", path, strerror(errno));
	return pin_parse(p, text, n, path, err);
}

static int write_file(int fd, const char *text)
{
	int rc = fd_write_all(fd, text, strlen(text)) < 0 || fsync(fd) < 0 ? -1 : 0;

	return close(fd) < 0 ? -1 : rc;
}

/* Under its name only when it is whole and nobody was faster (then ERR_BUSY). */
static int pin_save(const struct chain_pin *p, const char *dir, const char *path, struct err *err)
{
	char *tmp = xasprintf("%s/.chain.XXXXXX", dir), *text = pin_text(p);
	int fd = mkostemp(tmp, O_CLOEXEC), rc = -1;

	if (fd < 0)
		err_set(err, ERR_IO, "%.120s: %s", tmp, strerror(errno));
	else if (write_file(fd, text) < 0 || link(tmp, path) < 0 || fd_sync_folder(path) < 0)
		err_set(err, errno == EEXIST ? ERR_BUSY : ERR_IO, "%.120s: %s", path, strerror(errno));
	else
		rc = 0;
	if (fd >= 0)
		unlink(tmp);
	free(tmp);
	free(text);
	return rc;
}

static int check_same(const struct chain_pin *was, const struct chain_pin *p, const char *dir, struct err *err)
{
	const struct eth_addr *c = &p->contracts[CONTRACT_CONTROLLER];

	if (was->chain_id != p->chain_id)
		return err_set(err, ERR_DENIED, "%.80s is of chain %" PRIu64 ", this is chain %" PRIu64, dir,
			       was->chain_id, p->chain_id);
	if (memcmp(&was->genesis, &p->genesis, sizeof(p->genesis)) != 0)
		return err_set(err, ERR_DENIED, "%.80s is of another chain with the id %" PRIu64
			       ": its block 0 has changed (was the chain begun anew?)", dir, p->chain_id);
	if (!eth_addr_equal(&was->contracts[CONTRACT_CONTROLLER], c))
		return err_set(err, ERR_DENIED, "%.80s is of another Controller", dir);
	if (memcmp(&was->controller_code, &p->controller_code, sizeof(p->controller_code)) != 0)
		return err_set(err, ERR_DENIED, "the Controller's code is not what %.80s was begun with", dir);
	return 0;
}

/* dir and the folder above it, when they are not there. */
static int make_dirs(const char *dir, struct err *err)
{
	char *parent = xstrdup(dir), *slash = strrchr(parent, '/');
	int rc = 0;

	if (slash && slash != parent) {
		*slash = '\0';
		if (mkdir(parent, 0700) < 0 && errno != EEXIST)
			rc = err_set(err, ERR_IO, "%.120s: %s", parent, strerror(errno));
	}
	if (rc == 0 && mkdir(dir, 0700) < 0 && errno != EEXIST)
		rc = err_set(err, ERR_IO, "%.120s: %s", dir, strerror(errno));
	free(parent);
	return rc;
}

int pin_check(const char *dir, const struct chain_pin *p, struct err *err)
{
	struct err e = { 0 };
	struct chain_pin was;
	char *path;
	int rc;

	if (make_dirs(dir, err) < 0)
		return -1;
	path = xasprintf("%s/chain.json", dir);
	rc = pin_load(&was, path, &e);
	if (rc < 0 && e.code == ERR_NOT_FOUND) {
		was = *p;
		rc = pin_save(p, dir, path, &e);
		if (rc < 0 && e.code == ERR_BUSY)
			rc = pin_load(&was, path, &e);
	}
	free(path);
	if (rc < 0)
		return err_set(err, e.code, "%s", e.msg);
	return check_same(&was, p, dir, err);
}
