#include "node/farm/impl.h"

#include "base/json.h"
#include "base/prom.h"

typedef unsigned long long ull;

static const char *state_of(const struct member *m)
{
	uint64_t now = uv_now(m->farm->loop);

	if (m->state == MEMBER_JOINING)
		return "joining";
	if (m->draining)
		return "draining";
	return now < m->rec->suspended_until ? "suspended" : "ready";
}

static void add_device(struct buf *b, const struct msg_device *d)
{
	buf_add_str(b, "{\"name\":");
	json_add_string(b, d->name);
	buf_add_str(b, ",\"what\":");
	json_add_string(b, d->what);
	buf_addf(b, ",\"up\":%s,\"sessions\":%u,\"maxSessions\":%u,\"utilisation\":%u,"
		 "\"memoryUsed\":%llu,\"memoryTotal\":%llu}", d->up ? "true" : "false", d->sessions,
		 d->max_sessions, d->utilisation, (ull)d->memory_used, (ull)d->memory_total);
}

static void add_record(struct buf *b, const struct record *r)
{
	static const struct record none;

	if (!r)
		r = &none;
	buf_addf(b, ",\"done\":%llu,\"failed\":%llu,\"lied\":%llu,\"late\":%llu,\"lost\":%llu,"
		 "\"slowness\":%.2f", (ull)r->n_done, (ull)r->n_failed, (ull)r->n_lied,
		 (ull)r->n_late, (ull)r->n_lost, r == &none ? 1 : r->speed.slowness);
}

static void add_member(struct buf *b, const struct member *m)
{
	char addr[43];
	size_t i;

	eth_addr_fmt(addr, &m->addr);
	buf_add_str(b, "{\"name\":");
	json_add_string(b, m->name);
	buf_addf(b, ",\"address\":\"%s\",\"local\":%s,\"state\":\"%s\",\"capacity\":%llu,"
		 "\"slots\":%u,\"running\":%u,\"cores\":%u", addr, m->local ? "true" : "false",
		 state_of(m), (ull)m->load.capacity, m->load.slots, m->n_running, m->load.cores);
	add_record(b, m->rec);
	if (peer_conn_rtt_us(m->conn) >= 0)
		buf_addf(b, ",\"rttMs\":%.3f", peer_conn_rtt_us(m->conn) / 1000.0);
	buf_add_str(b, ",\"hardware\":");
	json_add_string(b, m->load.hardware);
	buf_add_str(b, ",\"devices\":[");
	for (i = 0; i < m->load.n_devices; i++) {
		buf_add_str(b, i ? "," : "");
		add_device(b, &m->load.device[i]);
	}
	buf_add_str(b, "]}");
}

void farm_status(const struct farm *f, struct buf *b)
{
	const struct list *lists[] = { &f->members, &f->joining };
	bool first = true;
	size_t i;

	buf_add_u8(b, '[');
	for (i = 0; i < 2; i++) {
		list_each(n, lists[i]) {
			buf_add_str(b, first ? "" : ",");
			add_member(b, list_entry(n, struct member, node));
			first = false;
		}
	}
	buf_add_u8(b, ']');
}

/* ---- metrics ---- */

/* What a metric takes from a device. */
struct gauge {
	const char *name, *help;
	double (*of)(const struct msg_device *d);
};
static double utilisation(const struct msg_device *d) { return d->utilisation / 100.0; }
static double memory_used(const struct msg_device *d) { return (double)d->memory_used; }
static double memory_total(const struct msg_device *d) { return (double)d->memory_total; }
static double sessions(const struct msg_device *d) { return d->sessions; }
static double max_sessions(const struct msg_device *d) { return d->max_sessions; }
static double up(const struct msg_device *d) { return d->up; }

static const struct gauge gauges[] = {
	{ "transcoder_device_up", "1: the device works.", up },
	{ "transcoder_device_utilisation", "Part of the time in which it works, 0 to 1.", utilisation },
	{ "transcoder_device_memory_used_bytes", "Memory in use.", memory_used },
	{ "transcoder_device_memory_bytes", "Memory it has.", memory_total },
	{ "transcoder_device_sessions", "Renditions at work.", sessions },
	{ "transcoder_device_sessions_max", "Renditions that can be at work.", max_sessions },
};

static void device_metrics(const struct farm *f, struct buf *b)
{
	char who[128];
	size_t k, i;

	for (k = 0; k < sizeof(gauges) / sizeof(gauges[0]); k++) {
		prom_head(b, gauges[k].name, gauges[k].help, "gauge");
		list_each(n, &f->members) {
			const struct member *m = list_entry(n, struct member, node);

			for (i = 0; i < m->load.n_devices; i++) {
				snprintf(who, sizeof(who), "%s/%s", m->name, m->load.device[i].name);
				prom_value(b, gauges[k].name, "device", who,
					   gauges[k].of(&m->load.device[i]));
			}
		}
	}
}

static void task_metrics(const struct farm *f, struct buf *b)
{
	static const char *const ends[N_TASK_ENDS] = {
		"done", "bad_input", "timeout", "failed", "cancelled",
	};
	size_t i;

	prom_head(b, "farm_tasks_total", "Tasks by what they came to.", "counter");
	for (i = 0; i < N_TASK_ENDS; i++)
		prom_value(b, "farm_tasks_total", "outcome", ends[i], (double)f->n_ends[i]);
	prom_counter(b, "farm_tasks_early_total", "Tasks done that began before their input was whole.",
		     f->n_early);
	prom_counter(b, "farm_retries_total", "Tries that failed and were repeated.", f->n_retries);
	prom_counter(b, "farm_losses_total", "Tasks whose transcoder went away.", f->n_losses);
	prom_counter(b, "farm_late_total", "Tries that were not done in time.", f->n_late);
	prom_counter(b, "farm_busy_total", "Tasks that a transcoder had no room for.", f->n_busy);
	prom_counter(b, "farm_lies_total", "Answers that were not what was asked for.", f->n_lies);
}

void farm_metrics(const struct farm *f, struct buf *b)
{
	struct farm_room r;

	farm_room(f, &r);
	prom_gauge(b, "transcoders_number", "Transcoders that take tasks.", r.n_members);
	prom_gauge(b, "transcoders_capacity", "Tasks that they can have at once.", r.slots);
	prom_gauge(b, "transcoders_load", "Tasks that they have.", r.running);
	prom_gauge(b, "transcoders_queue", "Tasks waiting.", r.queued);
	prom_gauge(b, "transcoders_pixels_per_second", "Encoded pixels a second of all together.",
		   (double)r.capacity);
	prom_counter(b, "transcoders_joined_total", "Times that one joined.", f->n_joined);
	prom_counter(b, "transcoders_refused_total", "Times that one was refused.", f->n_refused);
	task_metrics(f, b);
	device_metrics(f, b);
}
