/* A farm and its transcoders as they are, with the real ladder: one in this process,
 * others over the wire. */
#include "test/test.h"
#include "test/media/av/media.h"

#include <sys/socket.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/farm/farm.h"
#include "node/farm/join.h"
#include "node/farm/transcoder.h"
#include "node/peer/conn.h"
#include "node/work/pool.h"

#ifdef LP_SANITIZED
#define CONFINE false
#define PATIENCE_MS 90000
#else
#define CONFINE true
#define PATIENCE_MS 45000
#endif
#define N_MAX 2

struct world {
	uv_loop_t loop;
	uv_timer_t watchdog;
	struct sig_key *key[1 + N_MAX];
	struct peer_ctx *ctx, *away[N_MAX];
	struct peer_listener *listener;
	struct farm *farm;
	struct farm_secret *secret;
	struct transcoder *t[N_MAX];
	unsigned n;
	char at[64];
};

static void on_watchdog(uv_timer_t *t)
{
	fail_msg("nothing more happens");
}

#define until(w, condition)							\
	do {									\
		uv_timer_start(&(w)->watchdog, on_watchdog, PATIENCE_MS, 0);	\
		while (!(condition))						\
			uv_run(&(w)->loop, UV_RUN_ONCE);			\
		uv_timer_stop(&(w)->watchdog);					\
	} while (0)

/* ---- the orchestrator's port ---- */

static void on_first_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
			 size_t len)
{
	struct world *w = arg;

	assert_int_equal(type, MSG_JOIN);
	farm_join(w->farm, peer_channel_conn(ch), ch, data, len);
}

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	static const struct peer_channel_cb cb = { .on_msg = on_first_msg };

	peer_channel_set(ch, &cb, arg);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	struct world *w = arg;

	farm_drains(w->farm, c);
}

static bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb, void **to)
{
	static const struct peer_conn_cb conn_cb = { .on_channel = on_channel,
						     .on_goaway = on_goaway };

	*cb = &conn_cb;
	*to = arg;
	return true;
}

/* ---- the world ---- */

static const struct transcoder_opts opts = {
	.n_cpu = 1, .slots = 2, .max_pixels = 4096 * 2304, .capacity = 100000000,
	.confine = CONFINE, .codec_profile = "codecs",
};

static struct farm_secret *secret_of(const char *text)
{
	char path[] = "/tmp/lp-test-farm-XXXXXX";
	int fd = mkstemp(path);
	struct farm_secret *s;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	s = farm_secret_load(path, NULL);
	unlink(path);
	assert_non_null(s);
	return s;
}

static struct world *world_new(void)
{
	static const struct peer_limits limits = {
		.window = 1u << 20, .max_channels = 256, .handshake_ms = 10000, .ping_ms = 500,
		.dead_ms = 20000, .stall_ms = 20000,
	};
	struct farm_opts fo = { .codec_profile = "codecs", .max_queue = 16,
				.max_pixels = 4096 * 2304 };
	struct hash32 domain = { { 7 } };
	struct world *w = xcalloc(1, sizeof(*w));
	unsigned i;

	uv_loop_init(&w->loop);
	uv_timer_init(&w->loop, &w->watchdog);
	w->secret = secret_of("the secret of this farm");
	for (i = 0; i <= N_MAX; i++)
		w->key[i] = sig_key_generate();
	w->ctx = peer_ctx_new(&w->loop, w->key[N_MAX], &domain, "orchestrator");
	peer_ctx_limits(w->ctx, &limits);
	for (i = 0; i < N_MAX; i++) {
		w->away[i] = peer_ctx_new(&w->loop, w->key[i], &domain, "transcoder");
		peer_ctx_limits(w->away[i], &limits);
	}
	fo.secret = w->secret;
	w->farm = farm_new(&w->loop, &fo);
	w->listener = peer_listen(w->ctx, "127.0.0.1:0", 10, 10, on_accept, w, NULL);
	assert_non_null(w->listener);
	snprintf(w->at, sizeof(w->at), "127.0.0.1:%d", peer_listener_port(w->listener));
	return w;
}

static unsigned n_members(struct world *w)
{
	struct farm_room room;

	farm_room(w->farm, &room);
	return room.n_members;
}

static void add_local(struct world *w)
{
	int fd[2];

	w->t[w->n] = transcoder_new(&w->loop, &opts, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(farm_attach(w->farm, w->ctx, fd[0], NULL), 0);
	assert_int_equal(transcoder_attach(w->t[w->n], w->away[w->n], fd[1], NULL), 0);
	w->n++;
	until(w, n_members(w) == w->n);
}

static void add_remote(struct world *w)
{
	w->t[w->n] = transcoder_new(&w->loop, &opts, NULL);
	assert_int_equal(transcoder_join(w->t[w->n], w->away[w->n], w->at, NULL, w->secret, NULL,
					 NULL), 0);
	w->n++;
	until(w, n_members(w) == w->n);
}

static void world_free(struct world *w)
{
	unsigned i;

	for (i = 0; i < w->n; i++)
		transcoder_close(w->t[i]);
	farm_close(w->farm);
	for (i = 0; i < N_MAX; i++)
		peer_ctx_free(w->away[i]);
	peer_ctx_free(w->ctx);
	uv_close((uv_handle_t *)&w->watchdog, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	farm_free(w->farm);
	for (i = 0; i < w->n; i++)
		transcoder_free(w->t[i]);
	for (i = 0; i <= N_MAX; i++)
		sig_key_free(w->key[i]);
	farm_secret_free(w->secret);
	free(w);
}

/* ---- tasks ---- */

struct job {
	struct world *w;
	struct farm_task *task;
	size_t n_pieces;
	struct blob *out[2];
	struct farm_done d;
	bool done;
	struct err err;
};

static void on_piece(void *arg, size_t index, uint64_t offset, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	j->n_pieces++;
}

static void on_rendition(void *arg, const struct farm_rendition *r)
{
	struct job *j = arg;

	j->out[r->index] = blob_ref(r->data);
}

static void on_done(void *arg, const struct farm_done *d, const struct err *err)
{
	struct job *j = arg;

	j->d = *d;
	j->done = true;
	if (err)
		j->err = *err;
}

static const struct profile_list profiles = {
	.n = 2,
	.p = { { .name = "a", .width = 320, .height = 180, .bitrate = 400000, .fps_den = 1,
		 .gop_ms = 1000, .quality = -1 },
	       { .name = "b", .width = 160, .height = 90, .bitrate = 200000, .fps_den = 1,
		 .gop_ms = 1000, .quality = -1 } },
};

static struct bytes clip(void)
{
	return media_make("clip.ts", "-f lavfi -i testsrc2=s=640x360:r=25:d=3 -f lavfi -i sine=d=3"
			  " -c:v libx264 -preset superfast -g 75 -pix_fmt yuv420p -c:a aac");
}

static void job_open(struct job *j, struct world *w, const char *stream, struct bytes in)
{
	static const struct farm_cb cb = { on_piece, on_rendition, on_done };
	struct farm_spec spec = {
		.stream_key = stream, .profiles = &profiles, .preset = "superfast", .sequence = 3,
		.expected_ms = 3000, .fps = 25, .early = true,
	};
	struct err err;

	*j = (struct job){ .w = w };
	j->task = farm_task_open(w->farm, &spec, &cb, j, &err);
	if (!j->task)
		fail_msg("%s", err.msg);
	assert_int_equal(farm_task_feed(j->task, in.data, in.len, &err), 0);
}

static void job_end(struct job *j)
{
	struct farm_source src = { .duration_ms = 3000, .deadline_ms = 40000 };

	farm_task_end(j->task, &src);
}

/* The bytes are those of the ladder in this process. */
static void job_check(struct job *j, struct bytes in)
{
	struct ladder_rung rungs[2];
	struct ladder_spec spec = spec_of(rungs, 2);
	struct result want;
	size_t i;

	until(j->w, j->done);
	if (j->err.code)
		fail_msg("%s", j->err.msg);
	for (i = 0; i < 2; i++) {
		const struct profile *p = &profiles.p[i];

		rungs[i] = (struct ladder_rung){ .width = p->width, .height = p->height,
			.bitrate = p->bitrate, .fps_den = 1, .gop_ms = p->gop_ms, .quality = -1 };
	}
	run_well(&want, &spec, in);
	for (i = 0; i < 2; i++) {
		assert_non_null(j->out[i]);
		assert_int_equal(j->out[i]->len, want.out[i].len);
		assert_memory_equal(j->out[i]->data, want.out[i].data, want.out[i].len);
		blob_unref(j->out[i]);
	}
	result_fini(&want);
}

static void one_in_this_process_does_the_work(void **state)
{
	struct world *w = world_new();
	struct bytes in = clip();
	struct job j;

	add_local(w);
	job_open(&j, w, "a", in);
	until(w, j.n_pieces > 0);	/* before the input ends */
	job_end(&j);
	job_check(&j, in);
	assert_true(j.d.early);
	assert_string_equal(j.d.transcoder, "local");
	free(in.data);
	world_free(w);
}

static void one_elsewhere_does_the_work(void **state)
{
	struct world *w = world_new();
	struct bytes in = clip();
	struct job j;

	add_remote(w);
	job_open(&j, w, "a", in);
	job_end(&j);
	job_check(&j, in);
	assert_int_equal(strncmp(j.d.transcoder, "127.0.0.1:", 10), 0);
	free(in.data);
	world_free(w);
}

static bool is_running(const struct transcoder *t)
{
	struct buf b;
	bool runs;

	buf_init(&b, 1 << 20);
	transcoder_status(t, &b);
	runs = strstr(buf_cstr(&b), "\"running\":1") != NULL;
	buf_fini(&b);
	return runs;
}

static void work_of_one_that_goes_is_done_by_another(void **state)
{
	struct world *w = world_new();
	struct bytes in = clip();
	struct job j;
	unsigned who;

	add_remote(w);
	add_remote(w);
	job_open(&j, w, "a", in);
	until(w, is_running(w->t[0]) || is_running(w->t[1]));
	who = is_running(w->t[1]);
	transcoder_close(w->t[who]);
	job_end(&j);
	job_check(&j, in);
	until(w, n_members(w) == 1);
	free(in.data);
	world_free(w);
}

static void one_that_drains_gets_no_new_work(void **state)
{
	struct world *w = world_new();
	struct bytes in = clip();
	struct job j, late;
	unsigned who;

	add_remote(w);
	add_remote(w);
	job_open(&j, w, "a", in);
	until(w, is_running(w->t[0]) || is_running(w->t[1]));
	who = is_running(w->t[1]);
	transcoder_drain(w->t[who]);
	job_open(&late, w, "a", in);	/* the same stream */
	until(w, is_running(w->t[!who]));
	job_end(&j);
	job_end(&late);
	job_check(&j, in);
	job_check(&late, in);
	until(w, transcoder_is_idle(w->t[who]));
	free(in.data);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_in_this_process_does_the_work),
		cmocka_unit_test(one_elsewhere_does_the_work),
		cmocka_unit_test(work_of_one_that_goes_is_done_by_another),
		cmocka_unit_test(one_that_drains_gets_no_new_work),
	};

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	log_setup(getenv("TEST_INFO") ? LOG_INFO : LOG_ERROR, false);
	return cmocka_run_group_tests(tests, media_setup, media_teardown);
}
