/* The whole way with the real ladder: what comes back from a transcoder is what the
 * ladder makes in this process. */
#include "test/node/farm/boss.h"
#include "test/media/av/media.h"

#include "base/log.h"

static struct bytes clip(void)
{
	return media_make("clip.ts", "-f lavfi -i testsrc2=s=640x360:r=25:d=3 -f lavfi -i sine=d=3"
			  " -c:v libx264 -preset superfast -g 75 -pix_fmt yuv420p -c:a aac");
}

/* A key frame each second: the first two go out before the input is whole. */
static struct msg_task task_of(bool streamed)
{
	struct msg_task m = job_task("a");
	size_t i;

	for (i = 0; i < m.profiles.n; i++)
		m.profiles.p[i].gop_ms = 1000;
	m.streamed = streamed;
	return m;
}

static void run_local(struct result *res, const struct msg_task *m, struct bytes in)
{
	struct ladder_rung rungs[PROFILES_MAX];
	struct ladder_spec spec = spec_of(rungs, m->profiles.n);
	size_t i;

	for (i = 0; i < m->profiles.n; i++) {
		const struct profile *p = &m->profiles.p[i];

		rungs[i] = (struct ladder_rung){ .width = p->width, .height = p->height,
			.bitrate = p->bitrate, .fps_num = p->fps_num, .fps_den = p->fps_den,
			.gop_ms = p->gop_ms, .h264 = (enum ladder_h264)p->h264,
			.quality = p->quality };
	}
	run_well(res, &spec, in);
}

static void expect_same(const struct job *j, const struct result *want)
{
	size_t i;

	assert_int_equal(j->err.code, ERR_NONE);
	if (j->done.code)
		fail_msg("%d: %s", j->done.code, j->done.reason);
	assert_int_equal(j->n_tails, 2);
	for (i = 0; i < 2; i++) {
		struct hash32 h = hash_sha256(want->out[i].data, want->out[i].len);

		assert_int_equal(j->out[i].len, want->out[i].len);
		assert_memory_equal(j->out[i].data, want->out[i].data, want->out[i].len);
		assert_memory_equal(&j->tail[i].data_hash, &h, sizeof(h));
		assert_int_equal(j->tail[i].n_video, want->out[i].n_video);
	}
}

static void renditions_are_those_of_the_ladder(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = task_of(true);
	struct bytes in = clip();
	struct result want;
	struct job *j;
	int i;

	run_local(&want, &m, in);
	for (i = 0; i < 2; i++) {
		m.streamed = i == 0;
		j = job_give(b, &m, in.data, in.len);
		job_wait(j);
		expect_same(j, &want);
		job_free(j);
	}
	result_fini(&want);
	free(in.data);
	boss_free(b);
}

static void first_bytes_come_before_the_input_ends(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = task_of(true);
	struct bytes in = clip();
	struct result want;
	struct job *j = job_open(b);

	run_local(&want, &m, in);
	job_say_task(j, &m);
	peer_channel_data(j->ch, in.data, in.len);
	boss_until(b, j->out[0].len > 0 && j->out[1].len > 0);
	assert_true(j->n_headers >= 2);
	assert_true(j->out[0].len < want.out[0].len);
	job_say_end(j, in.len);
	job_wait(j);
	expect_same(j, &want);
	job_free(j);
	result_fini(&want);
	free(in.data);
	boss_free(b);
}

static void machine_is_measured(void **state)
{
	struct transcoder_opts o = boss_opts;
	struct boss *b;

	o.capacity = 0;
	b = boss_local(&o);
	boss_until_joined(b);
	/* From a machine under valgrind to one that is not built yet. */
	assert_in_range(b->load.capacity, 100000, 100000000000);
	assert_true(b->load.capacity != 60000000);	/* what it says when it cannot measure */
	boss_free(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renditions_are_those_of_the_ladder),
		cmocka_unit_test(first_bytes_come_before_the_input_ends),
		cmocka_unit_test(machine_is_measured),
	};

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	log_setup(getenv("TEST_INFO") ? LOG_INFO : LOG_ERROR, false);
	return cmocka_run_group_tests(tests, media_setup, media_teardown);
}
