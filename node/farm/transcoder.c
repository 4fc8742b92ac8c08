#include "node/farm/transcoder_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/prom.h"
#include "node/peer/conn.h"

#define TICK_START_MS 20	/* until ready */
#define TICK_MS 1000
#define READY_MS 20000		/* then it starts with what it has */
#define SLOTS_MIN 4
#define SLOTS_MAX 1024

/* ---- the machine ---- */

/* "model name	: Intel(R) ..." of /proc/cpuinfo; not on every architecture. */
static void cpu_model(char *to, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	to[0] = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) != 0 || !(colon = strchr(line, ':')))
			continue;
		colon[1 + strcspn(colon + 1, "\n")] = 0;
		snprintf(to, size, "%s", colon + 1 + strspn(colon + 1, " "));
		break;
	}
	if (f)
		fclose(f);
}

static void describe(struct transcoder *t)
{
	char model[64];
	size_t n;

	cpu_model(model, sizeof(model));
	n = (size_t)snprintf(t->hardware, sizeof(t->hardware), "%u core%s", t->cores,
			     t->cores == 1 ? "" : "s");
	if (model[0])
		snprintf(t->hardware + n, sizeof(t->hardware) - n, ", %s", model);
}

/* ---- life ---- */

static void become_ready(struct transcoder *t)
{
	t->ready = true;
	uv_timer_set_repeat(&t->tick, TICK_MS);
	uplink_start(t);
}

static void wait_until_ready(struct transcoder *t)
{
	bool late = uv_now(t->loop) - t->started_ms >= READY_MS;

	if (late) {
		lanes_give_up_measuring(t);
		log_error(NULL, "workers are not up in time, joining all the same: ms=%d", READY_MS);
	}
	if (late || lanes_are_known(t))
		become_ready(t);
}

static void on_tick(uv_timer_t *timer)
{
	struct transcoder *t = timer->data;

	lanes_tick(t);
	if (!t->ready) {
		wait_until_ready(t);
		return;
	}
	uplink_tick(t);
	transcoder_tasks_tick(t);
}

unsigned transcoder_slots(unsigned asked)
{
	unsigned n = 2 * uv_available_parallelism();

	if (asked)
		return asked < SLOTS_MAX ? asked : SLOTS_MAX;
	return n < SLOTS_MIN ? SLOTS_MIN : n;
}

struct transcoder *transcoder_new(uv_loop_t *loop, const struct transcoder_opts *opts,
				  struct err *err)
{
	struct transcoder *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->opts = *opts;
	t->cores = opts->n_cpu ? opts->n_cpu : uv_available_parallelism();
	t->slots = transcoder_slots(opts->slots);
	list_init(&t->tasks);
	describe(t);
	if (lanes_open(t, err) < 0) {
		lanes_close(t);
		transcoder_free(t);
		return NULL;
	}
	t->started_ms = uv_now(loop);
	uv_timer_init(loop, &t->tick);
	t->tick.data = t;
	uv_timer_start(&t->tick, on_tick, 0, TICK_START_MS);
	lanes_measure(t);
	return t;
}

bool transcoder_is_ready(const struct transcoder *t)
{
	return t->ready;
}

void transcoder_drain(struct transcoder *t)
{
	if (t->draining)
		return;
	t->draining = true;
	if (transcoder_is_joined(t))
		peer_conn_goaway(t->uplink.conn);
	else
		uplink_close(t);
}

bool transcoder_is_idle(const struct transcoder *t)
{
	return list_is_empty(&t->tasks) &&
	       (!transcoder_is_joined(t) || peer_conn_is_flushed(t->uplink.conn));
}

void transcoder_close(struct transcoder *t)
{
	if (t->closing)
		return;
	t->closing = true;
	uplink_close(t);
	lanes_close(t);
	uv_close((uv_handle_t *)&t->tick, NULL);
}

void transcoder_free(struct transcoder *t)
{
	if (!t)
		return;
	lanes_free(t);
	uplink_free(t);
	free(t);
}

/* ---- telling ---- */

const struct work_pool *transcoder_pool(const struct transcoder *t)
{
	return lane_pool(t->lanes[0]);
}

void transcoder_status(const struct transcoder *t, struct buf *b)
{
	buf_addf(b, "{\"orchestrator\":\"%s\",\"joined\":%s,\"ready\":%s,\"draining\":%s,"
		 "\"capacity\":%llu,\"slots\":%u,\"running\":%u,\"done\":%llu,\"failed\":%llu,"
		 "\"refused\":%llu,\"cores\":%u,\"hardware\":",
		 t->uplink.hostport, transcoder_is_joined(t) ? "true" : "false",
		 t->ready ? "true" : "false", t->draining ? "true" : "false",
		 (unsigned long long)lanes_capacity(t), t->slots, t->n_running,
		 (unsigned long long)t->n_done, (unsigned long long)t->n_failed,
		 (unsigned long long)t->n_refused, t->cores);
	json_add_string(b, t->hardware);
	buf_add_str(b, ",\"lanes\":");
	lanes_status(t, b);
	buf_add_str(b, "}");
}

void transcoder_metrics(const struct transcoder *t, struct buf *b)
{
	prom_gauge(b, "transcoder_joined", "1: a member of an orchestrator's farm.",
		   transcoder_is_joined(t));
	prom_gauge(b, "transcoder_capacity_pixels", "Pixels it encodes a second, as measured.",
		   (double)lanes_capacity(t));
	prom_gauge(b, "transcoder_slots", "Tasks it takes at once.", t->slots);
	prom_gauge(b, "transcoder_running", "Tasks at work.", t->n_running);
	prom_counter(b, "transcoder_tasks_done_total", "Tasks done.", t->n_done);
	prom_counter(b, "transcoder_tasks_failed_total", "Tasks failed.", t->n_failed);
	prom_counter(b, "transcoder_tasks_refused_total", "Tasks refused, or against the rules.",
		     t->n_refused);
	prom_counter(b, "transcoder_pixels_total", "Pixels encoded.", (uint64_t)t->n_pixels);
	lanes_metrics(t, b);
}
