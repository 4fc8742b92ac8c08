// A TCP proxy that is a bad network: delay, jitter, a rate limit, a black hole, a cut.
import net from 'node:net';

const HELD_MAX = 1 << 20;	// bytes on their way in one direction; beyond, the sender waits

/* One direction of one connection.  Order is kept, whatever the jitter. */
class Way {
	constructor(shaper, from, to) {
		Object.assign(this, { shaper, from, to, queue: [], held: 0, free: 0, due: 0, timer: null });
		from.on('data', (d) => this.#take(d));
		from.on('end', () => this.#take(null));
		to.on('drain', () => from.resume());
	}

	#take(data) {
		const s = this.shaper, now = performance.now();
		const n = data ? data.length : 0;

		this.free = Math.max(this.free, now) + (s.bytesPerS ? n * 1000 / s.bytesPerS : 0);
		this.due = Math.max(this.due, this.free + s.delayMs + Math.random() * s.jitterMs);
		this.queue.push({ data, due: this.due });
		this.held += n;
		if (this.held > HELD_MAX)
			this.from.pause();
		this.pump();
	}

	pump() {
		clearTimeout(this.timer);
		while (this.queue.length && !this.shaper.blackhole) {
			const wait = this.queue[0].due - performance.now();

			if (wait > 1) {
				this.timer = setTimeout(() => this.pump(), wait);
				return;
			}
			const { data } = this.queue.shift();

			if (!data) {
				this.to.end();
				continue;
			}
			this.held -= data.length;
			this.shaper.bytes += data.length;
			if (this.to.write(data) && this.held <= HELD_MAX)
				this.from.resume();
		}
	}

	/* The line is another one: what is on its way goes as it would now. */
	renew() {
		const now = performance.now();

		this.free = this.due = now;
		for (const e of this.queue) {
			const n = e.data ? e.data.length : 0;

			this.free += this.shaper.bytesPerS ? n * 1000 / this.shaper.bytesPerS : 0;
			e.due = this.due = Math.max(this.due, this.free);
		}
		this.pump();
	}

	stop() { clearTimeout(this.timer); }
}

export class Shaper {
	/* Before target ("host:port"); the test ends it.  addr: where it listens. */
	static async start(t, target, how = {}) {
		const s = new Shaper(target, how);

		await new Promise((resolve) => s.server.listen(0, '127.0.0.1', resolve));
		s.addr = `127.0.0.1:${s.server.address().port}`;
		t.after(() => s.close());
		return s;
	}

	constructor(target, how) {
		Object.assign(this, { target, delayMs: 0, jitterMs: 0, bytesPerS: 0, blackhole: false, refusing: false,
			bytes: 0, conns: 0, links: new Set(), ...how });
		this.server = net.createServer({ allowHalfOpen: true }, (a) => this.#connect(a));
	}

	#connect(a) {
		if (this.refusing) {
			a.destroy();
			return;
		}
		const at = this.target.lastIndexOf(':');
		const b = net.connect({ host: this.target.slice(0, at), port: Number(this.target.slice(at + 1)),
			allowHalfOpen: true });
		const ways = [new Way(this, a, b), new Way(this, b, a)];
		const link = { end: () => { ways.forEach((w) => w.stop()); a.destroy(); b.destroy(); }, ways };

		this.conns++;
		this.links.add(link);
		for (const s of [a, b]) {
			s.setNoDelay(true);
			s.on('error', () => {});
			s.on('close', () => {	// without FIN: the other end is told the same way
				link.end();
				this.links.delete(link);
			});
		}
	}

	/* From now on: delayMs, jitterMs, bytesPerS (0: no limit), blackhole (bytes stay on
	 * the way, connections stay open), refusing (new connections are). */
	set(how) {
		Object.assign(this, how);
		for (const link of this.links)
			link.ways.forEach((w) => w.renew());
	}

	/* All connections there are end. */
	cut() {
		for (const link of this.links)
			link.end();
	}

	async close() {
		this.cut();
		await new Promise((resolve) => this.server.close(resolve));
	}
}
