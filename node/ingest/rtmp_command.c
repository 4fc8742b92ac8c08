/*
 * What commands do.  Clients send many that mean nothing to us, some wait for an
 * answer to them: each with a transaction number gets a null _result, none ends
 * the connection.  All answers to one command go out in one write, as some
 * encoders cannot take a reply in pieces (livepeer/go-livepeer#452).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "media/wire/amf.h"
#include "node/ingest/rtmp_int.h"

#define ACK_WINDOW 2500000	/* what we ask the client to acknowledge */
#define CSID_COMMAND 3
#define CSID_STATUS 5
#define CAPS_MODEX 4		/* enhanced RTMP v2 capsEx: we read ModEx */

static const char *const fourccs[] = { "avc1", "hvc1", "av01", "vp09", "Opus", "mp4a", ".mp3" };
#define N_FOURCCS (sizeof(fourccs) / sizeof(fourccs[0]))

/* A command being answered. */
struct command {
	struct rtmp_conn *conn;
	double id;		/* transaction; 0: no answer wanted */
	struct rd args;		/* behind name and transaction */
};

static void add_command(struct buf *b, const struct buf *body, uint32_t csid, uint32_t stream_id)
{
	struct rtmp_msg m = { .type = RTMP_COMMAND_AMF0, .csid = csid, .stream_id = stream_id,
			      .data = body->data, .len = body->len };

	rtmp_chunk_write(b, &m, RTMP_CHUNK_SIZE_OUT);
}

void rtmp_add_status(struct buf *b, const char *level, const char *code, const char *description)
{
	struct buf body;

	buf_init(&body, 2048);
	amf_add_str(&body, "onStatus");
	amf_add_number(&body, 0);
	amf_add_null(&body);
	amf_begin_object(&body);
	amf_put_str(&body, "level", level);
	amf_put_str(&body, "code", code);
	amf_put_str(&body, "description", description);
	amf_end_object(&body);
	add_command(b, &body, CSID_STATUS, RTMP_STREAM_ID);
	buf_fini(&body);
}

void rtmp_add_user_control(struct buf *b, unsigned event, uint32_t value)
{
	uint8_t body[6] = { (uint8_t)(event >> 8), (uint8_t)event, (uint8_t)(value >> 24),
			    (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };
	struct rtmp_msg m = { .type = RTMP_USER_CONTROL, .csid = 2, .data = body, .len = 6 };

	rtmp_chunk_write(b, &m, RTMP_CHUNK_SIZE_OUT);
}

static void add_result(struct buf *b, double id, bool has_number, double number)
{
	struct buf body;

	buf_init(&body, 128);
	amf_add_str(&body, "_result");
	amf_add_number(&body, id);
	amf_add_null(&body);
	if (has_number)
		amf_add_number(&body, number);
	else
		amf_add_null(&body);
	add_command(b, &body, CSID_COMMAND, 0);
	buf_fini(&body);
}

static void send_result(const struct command *cmd, bool has_number, double number)
{
	struct buf b;

	if (cmd->id == 0)
		return;
	buf_init(&b, 256);
	add_result(&b, cmd->id, has_number, number);
	rtmp_conn_send(cmd->conn, &b);
	buf_fini(&b);
}

/* ---- connect ---- */

static void put_enhanced(struct buf *b)
{
	size_t i;

	amf_add_key(b, "fourCcList");
	amf_begin_array(b, N_FOURCCS);
	for (i = 0; i < N_FOURCCS; i++)
		amf_add_str(b, fourccs[i]);
	amf_put_number(b, "capsEx", CAPS_MODEX);
}

static void add_connect_result(struct buf *b, double id, bool enhanced)
{
	struct buf body;

	buf_init(&body, 2048);
	amf_add_str(&body, "_result");
	amf_add_number(&body, id);
	amf_begin_object(&body);
	amf_put_str(&body, "fmsVer", "FMS/3,5,7,7009");
	amf_put_number(&body, "capabilities", 31);
	amf_put_number(&body, "mode", 1);
	if (enhanced)
		put_enhanced(&body);
	amf_end_object(&body);
	amf_begin_object(&body);
	amf_put_str(&body, "level", "status");
	amf_put_str(&body, "code", "NetConnection.Connect.Success");
	amf_put_str(&body, "description", "Connection succeeded.");
	/* Whatever the client offered: we write AMF0, and so will it. */
	amf_put_number(&body, "objectEncoding", 0);
	if (enhanced)
		put_enhanced(&body);
	amf_end_object(&body);
	add_command(b, &body, CSID_COMMAND, 0);
	buf_fini(&body);
}

static char *copy_member(const struct amf_value *obj, const char *name, bool *too_long)
{
	char s[RTMP_URL_MAX + 1];
	struct amf_value v;

	if (!amf_get(obj, name, &v) || v.type != AMF_STRING)
		return xstrdup("");
	if (!amf_copy_str(s, sizeof(s), &v))
		*too_long = true;
	return xstrdup(s);
}

static void do_connect(struct command *cmd)
{
	struct rtmp_conn *c = cmd->conn;
	struct amf_value obj, v;
	bool bad = false, enhanced;
	struct buf b;

	if (c->app) {
		send_result(cmd, false, 0);
		return;
	}
	if (amf_read(&cmd->args, &obj, NULL) < 0 || obj.type != AMF_OBJECT) {
		rtmp_conn_bad(c, "connect without its object");
		return;
	}
	c->app = copy_member(&obj, "app", &bad);
	c->tc_url = copy_member(&obj, "tcUrl", &bad);
	if (bad) {
		rtmp_conn_bad(c, "app or tcUrl is too long");
		return;
	}
	enhanced = amf_get(&obj, "fourCcList", &v) || amf_get(&obj, "capsEx", &v);
	buf_init(&b, 8192);
	/* This order pleases all clients. */
	rtmp_chunk_write_control(&b, RTMP_WINDOW_ACK_SIZE, ACK_WINDOW);
	rtmp_chunk_write_control(&b, RTMP_SET_PEER_BANDWIDTH, ACK_WINDOW);
	rtmp_chunk_write_control(&b, RTMP_SET_CHUNK_SIZE, RTMP_CHUNK_SIZE_OUT);
	add_connect_result(&b, cmd->id, enhanced);
	rtmp_conn_send(c, &b);
	buf_fini(&b);
}

/* ---- streams ---- */

static void do_create_stream(struct command *cmd)
{
	send_result(cmd, true, RTMP_STREAM_ID);
}

/* An FMS tells by onFCPublish that publishing may begin; FMLE waits for it. */
static void send_on_fc(const struct command *cmd, const char *name, const char *code)
{
	struct buf b, body;

	buf_init(&b, 512);
	buf_init(&body, 256);
	if (cmd->id != 0)
		add_result(&b, cmd->id, false, 0);
	amf_add_str(&body, name);
	amf_add_number(&body, 0);
	amf_add_null(&body);
	amf_begin_object(&body);
	amf_put_str(&body, "level", "status");
	amf_put_str(&body, "code", code);
	amf_end_object(&body);
	add_command(&b, &body, CSID_COMMAND, 0);
	rtmp_conn_send(cmd->conn, &b);
	buf_fini(&body);
	buf_fini(&b);
}

static void do_fc_publish(struct command *cmd)
{
	send_on_fc(cmd, "onFCPublish", "NetStream.Publish.Start");
}

static void do_fc_unpublish(struct command *cmd)
{
	rtmp_publish_end(cmd->conn, true, "unpublished by the client");
	send_on_fc(cmd, "onFCUnpublish", "NetStream.Unpublish.Success");
}

static void do_fc_subscribe(struct command *cmd)
{
	send_on_fc(cmd, "onFCSubscribe", "NetStream.Play.Start");
}

/* deleteStream, closeStream: there is only the one. */
static void do_close_stream(struct command *cmd)
{
	rtmp_publish_end(cmd->conn, true, "stream closed by the client");
	rtmp_play_stop(cmd->conn);
	send_result(cmd, false, 0);
}

/* The stream name of publish and play: behind a null; may be absent. */
static bool read_name(struct command *cmd, char name[RTMP_URL_MAX + 1])
{
	struct amf_value v;

	name[0] = 0;
	if (amf_read(&cmd->args, &v, NULL) < 0 || amf_read(&cmd->args, &v, NULL) < 0)
		return true;
	if (v.type != AMF_STRING)
		return true;
	return amf_copy_str(name, RTMP_URL_MAX + 1, &v);
}

static void do_publish(struct command *cmd)
{
	char name[RTMP_URL_MAX + 1];

	if (!cmd->conn->app)
		rtmp_conn_bad(cmd->conn, "publish before connect");
	else if (!read_name(cmd, name))
		rtmp_conn_bad(cmd->conn, "the stream name is too long");
	else
		rtmp_publish_ask(cmd->conn, name);
}

static void do_play(struct command *cmd)
{
	char name[RTMP_URL_MAX + 1];

	if (!cmd->conn->app)
		rtmp_conn_bad(cmd->conn, "play before connect");
	else if (!read_name(cmd, name))
		rtmp_conn_bad(cmd->conn, "the stream name is too long");
	else
		rtmp_play_start(cmd->conn, name);
}

static void do_pause(struct command *cmd)
{
	struct amf_value v;

	if (amf_read(&cmd->args, &v, NULL) < 0 || amf_read(&cmd->args, &v, NULL) < 0 ||
	    v.type != AMF_BOOL)
		return;
	rtmp_play_pause(cmd->conn, v.truth);
}

static void do_stream_length(struct command *cmd)
{
	send_result(cmd, true, 0);	/* live */
}

static void do_nothing(struct command *cmd)
{
	send_result(cmd, false, 0);
}

/* ---- */

static const struct {
	const char *name;
	void (*run)(struct command *cmd);
} commands[] = {
	{ "connect", do_connect },
	{ "createStream", do_create_stream },
	{ "FCPublish", do_fc_publish },
	{ "FCUnpublish", do_fc_unpublish },
	{ "FCSubscribe", do_fc_subscribe },
	{ "publish", do_publish },
	{ "play", do_play },
	{ "pause", do_pause },
	{ "deleteStream", do_close_stream },
	{ "closeStream", do_close_stream },
	{ "getStreamLength", do_stream_length },
	/* Answers to us: replying would bounce for ever. */
	{ "_result", NULL },
	{ "_error", NULL },
	{ "onStatus", NULL },
};

void rtmp_command(struct rtmp_conn *c, const struct rtmp_msg *m)
{
	struct command cmd = { .conn = c, .args = rd_of(m->data, m->len) };
	struct amf_value name, id;
	size_t i;

	if (m->type == RTMP_COMMAND_AMF3)	/* a byte of 0, then AMF0 */
		rd_u8(&cmd.args);
	if (amf_read(&cmd.args, &name, NULL) < 0 || name.type != AMF_STRING) {
		rtmp_conn_bad(c, "a command without a name");
		return;
	}
	if (amf_read(&cmd.args, &id, NULL) == 0 && id.type == AMF_NUMBER && isfinite(id.number))
		cmd.id = id.number;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!amf_is_str(&name, commands[i].name))
			continue;
		if (commands[i].run)
			commands[i].run(&cmd);
		return;
	}
	do_nothing(&cmd);
}
