/* The real ladder in real workers: the same bytes, confined or not. */
#include "test/node/work/pool_rig.h"
#include "test/media/av/media.h"

#include "media/av/ladder.h"

/* What the ladder makes in this process, to compare with. */
static void run_local(struct result *res, struct bytes in, const struct profile_list *profiles)
{
	struct ladder_rung rungs[PROFILES_MAX];
	struct ladder_spec spec = spec_of(rungs, profiles->n);
	size_t i;

	for (i = 0; i < profiles->n; i++) {
		const struct profile *p = &profiles->p[i];

		rungs[i] = (struct ladder_rung){ .width = p->width, .height = p->height,
			.bitrate = p->bitrate, .fps_num = p->fps_num, .fps_den = p->fps_den,
			.gop_ms = p->gop_ms, .h264 = (enum ladder_h264)p->h264, .quality = p->quality };
	}
	spec.max_pixels = rig_opts.max_pixels;
	run_well(res, &spec, in);
}

/* A task that compares its renditions with local ones. */
struct compare {
	struct job job;
	const struct result *want;
	size_t n_equal;
};

static void on_compare(void *arg, const struct work_rendition *r)
{
	struct compare *c = arg;
	const struct ladder_out *want = &c->want->out[r->index];

	assert_int_equal(r->data->len, want->len);
	assert_memory_equal(r->data->data, want->data, want->len);
	c->n_equal++;
}

static void on_compared(void *arg, const struct work_stats *st, const struct err *err)
{
	struct compare *c = arg;

	job_on_done(&c->job, st, err);
}

static void expect_same(struct rig *r, struct bytes in, const struct result *want)
{
	static const struct work_cb cbs = { .rendition = on_compare, .done = on_compared };
	struct compare c = { .job.rig = r, .want = want };
	struct blob *b = blob_new(in.data, in.len, NULL);
	struct work_spec spec = rig_spec("a", b, RIG_PATIENCE_MS);

	assert_non_null(work_task_start(r->pool, &spec, &cbs, &c, NULL));
	rig_wait(r, &c.job.ended);
	if (c.job.err.code)
		fail_msg("%s", c.job.err.msg);
	assert_int_equal(c.n_equal, rig_profiles.n);
	assert_int_equal(c.job.st.n_tries, 1);
	assert_int_equal(c.job.st.n_decoded, want->stats.n_decoded);
	assert_int_equal(c.job.st.width, want->stats.width);
	blob_unref(b);
}

static struct bytes clip(void)
{
	return media_make("clip.ts", "-f lavfi -i testsrc2=s=1280x720:r=30:d=2 -f lavfi -i sine=d=2"
			  " -c:v libx264 -preset superfast -g 60 -pix_fmt yuv420p -c:a aac");
}

static void worker_makes_the_same_bytes_confined_or_not(void **state)
{
	struct work_opts o = rig_opts;
	struct bytes in;
	struct result want;
	struct rig *r;
	int i;

	in = clip();
	run_local(&want, in, &rig_profiles);
	for (i = 0; i < 2; i++) {
		o.confine = i == 0 && RIG_CONFINE;
		r = rig_new(&o);
		expect_same(r, in, &want);
		expect_same(r, in, &want);	/* warm, too */
		rig_free(r);
	}
	result_fini(&want);
	free(in.data);
}

/* In pieces as a publisher sends them, and as few bytes at once as can be. */
static void streamed_input_makes_the_same_bytes(void **state)
{
	static const struct work_cb cb = { .piece = job_on_piece, .rendition = job_on_rendition,
					   .done = job_on_done };
	static const size_t steps[] = { 188, 10007, 1u << 20 };
	struct work_spec spec = rig_spec("a", NULL, 0);
	struct rig *r = rig_new(&rig_opts);
	struct bytes in = clip();
	struct result want;
	size_t i, k;

	run_local(&want, in, &rig_profiles);
	for (k = 0; k < 3; k++) {
		struct job j = { .rig = r };

		j.task = work_task_start(r->pool, &spec, &cb, &j, NULL);
		assert_non_null(j.task);
		for (i = 0; i < in.len && !j.ended; i += steps[k]) {
			size_t n = in.len - i < steps[k] ? in.len - i : steps[k];

			assert_int_equal(work_task_feed(j.task, in.data + i, n, NULL), 0);
			uv_run(&r->loop, UV_RUN_NOWAIT);
		}
		assert_false(j.ended);
		work_task_finish(j.task, 2000, RIG_PATIENCE_MS);
		rig_wait(r, &j.ended);
		if (j.err.code)
			fail_msg("%s", j.err.msg);
		assert_int_equal(j.n_renditions, rig_profiles.n);
		for (i = 0; i < rig_profiles.n; i++) {
			assert_int_equal(j.pieces_len[i], want.out[i].len);
			assert_memory_equal(j.pieces[i], want.out[i].data, want.out[i].len);
		}
		job_fini(&j);
	}
	result_fini(&want);
	free(in.data);
	rig_free(r);
}

/* Renditions of several GOPs come while the input is open, in turns, and are the bytes
 * that whole input makes. */
static void gops_come_before_the_input_ends(void **state)
{
	static const struct work_cb cb = { .piece = job_on_piece, .rendition = job_on_rendition,
					   .done = job_on_done };
	struct profile_list profiles = rig_profiles;
	struct work_spec spec = rig_spec("a", NULL, 0);
	struct rig *r = rig_new(&rig_opts);
	struct job j = { .rig = r };
	struct bytes in = clip();
	struct result want;
	size_t i;

	for (i = 0; i < profiles.n; i++)
		profiles.p[i].gop_ms = 500;
	spec.profiles = &profiles;
	run_local(&want, in, &profiles);
	j.task = work_task_start(r->pool, &spec, &cb, &j, NULL);
	assert_non_null(j.task);
	assert_int_equal(work_task_feed(j.task, in.data, in.len, NULL), 0);
	while (!j.pieces[0] || !j.pieces[1]) {
		rig_wait(r, &j.has_piece);
		j.has_piece = false;
	}
	assert_true(j.pieces_len[0] < want.out[0].len);
	work_task_finish(j.task, 2000, RIG_PATIENCE_MS);
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	for (i = 0; i < profiles.n; i++) {
		assert_int_equal(j.pieces_len[i], want.out[i].len);
		assert_memory_equal(j.pieces[i], want.out[i].data, want.out[i].len);
	}
	job_fini(&j);
	result_fini(&want);
	free(in.data);
	rig_free(r);
}

static void noise_ends_a_streamed_task(void **state)
{
	static const struct work_cb cb = { .piece = job_on_piece, .rendition = job_on_rendition,
					   .done = job_on_done };
	struct work_spec spec = rig_spec("a", NULL, 0);
	struct rig *r = rig_new(&rig_opts);
	struct job j = { .rig = r };
	uint8_t noise[20000];
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * i * 2654435761u >> 11);
	j.task = work_task_start(r->pool, &spec, &cb, &j, NULL);
	assert_int_equal(work_task_feed(j.task, noise, sizeof(noise), NULL), 0);
	work_task_finish(j.task, 2000, RIG_PATIENCE_MS);
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_int_equal(j.st.n_tries, 1);
	rig_free(r);
}

static void probe_and_remux_work_confined(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct work_spec spec;
	struct bytes in;
	struct blob *b;
	struct job j = { .rig = r };

	in = clip();
	b = blob_new(in.data, in.len, NULL);
	spec = rig_spec("a", b, RIG_PATIENCE_MS);
	spec.kind = TASK_PROBE;
	assert_non_null(work_task_start(r->pool, &spec, &job_cbs, &j, NULL));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.st.width, 1280);
	j = (struct job){ .rig = r };
	spec.kind = TASK_TO_MP4;
	assert_non_null(work_task_start(r->pool, &spec, &job_cbs, &j, NULL));
	rig_wait(r, &j.ended);
	if (j.err.code)
		fail_msg("%s", j.err.msg);
	assert_true(j.last.fmp4);
	assert_memory_equal(j.text + 4, "ftyp", 4);
	assert_true(j.last.init_len > 8 && j.last.init_len < j.len);
	job_fini(&j);
	blob_unref(b);
	free(in.data);
	rig_free(r);
}

static void bad_input_is_refused_at_the_first_try(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	uint8_t noise[20000];
	struct bytes in;
	struct job j;
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * i * 2654435761u >> 11);
	assert_true(job_start(&j, r, "a", noise, sizeof(noise), RIG_PATIENCE_MS));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_int_equal(j.st.n_tries, 1);
	for (i = 0; i < sizeof(noise); i += 188)
		noise[i] = 0x47;
	assert_true(job_start(&j, r, "a", noise, sizeof(noise), RIG_PATIENCE_MS));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_int_equal(j.st.n_tries, 1);
	/* Cut in the middle of a picture. */
	in = clip();
	assert_true(job_start(&j, r, "a", in.data, in.len / 2 + 77, RIG_PATIENCE_MS));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_int_equal(j.st.n_tries, 1);
	free(in.data);
	rig_free(r);
}

static void size_above_max_pixels_is_refused(void **state)
{
	struct work_opts o = rig_opts;
	struct rig *r;
	struct bytes in;
	struct job j;

	o.max_pixels = 1280 * 719;
	r = rig_new(&o);
	in = clip();
	assert_true(job_start(&j, r, "a", in.data, in.len, RIG_PATIENCE_MS));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_LIMIT);
	free(in.data);
	rig_free(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worker_makes_the_same_bytes_confined_or_not),
		cmocka_unit_test(streamed_input_makes_the_same_bytes),
		cmocka_unit_test(gops_come_before_the_input_ends),
		cmocka_unit_test(noise_ends_a_streamed_task),
		cmocka_unit_test(probe_and_remux_work_confined),
		cmocka_unit_test(bad_input_is_refused_at_the_first_try),
		cmocka_unit_test(size_above_max_pixels_is_refused),
	};

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	return cmocka_run_group_tests(tests, media_setup, media_teardown);
}
