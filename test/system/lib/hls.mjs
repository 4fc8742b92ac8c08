// A recorder that follows a stream's playlists as a player does, checking each
// against RFC 8216 on the way, and checks of what it recorded.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as M3U8 from 'm3u8-parser';
import hlsParser from 'hls-parser';
import { sleep, slow, until } from './harness.mjs';
import { decodes, firstNals, packets } from './media.mjs';

const FRAME_TOLERANCE = 0.5;	// a distance between frames may be wrong by this much of one

function parseByM3u8(text) {
	const p = new M3U8.Parser();
	const warnings = [];

	p.on('warn', (e) => warnings.push(e.message));
	p.push(text);
	p.end();
	assert.deepEqual(warnings, [], 'm3u8-parser warns');
	return p.manifest;
}

/* Our own reading of a media playlist, by line. */
function parseMedia(text) {
	const p = { segments: [], mediaSequence: 0, discontinuitySequence: 0, endlist: false };
	let next = {};

	for (const line of text.split('\n')) {
		const value = line.slice(line.indexOf(':') + 1);

		if (line.startsWith('#EXTINF:'))
			next.duration = parseFloat(value);
		else if (line.startsWith('#EXT-X-TARGETDURATION:'))
			p.target = Number(value);
		else if (line.startsWith('#EXT-X-MEDIA-SEQUENCE:'))
			p.mediaSequence = Number(value);
		else if (line.startsWith('#EXT-X-DISCONTINUITY-SEQUENCE:'))
			p.discontinuitySequence = Number(value);
		else if (line === '#EXT-X-DISCONTINUITY')
			next.discontinuity = true;
		else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:'))
			next.date = Date.parse(value);
		else if (line.startsWith('#EXT-X-MAP:'))
			p.map = value.match(/URI="([^"]*)"/)[1];
		else if (line === '#EXT-X-ENDLIST')
			p.endlist = true;
		else if (line && !line.startsWith('#')) {
			p.segments.push({ uri: line, map: p.map, discontinuity: false, ...next });
			next = {};
		}
	}
	return p;
}

function checkMediaText(text, own) {
	const a = parseByM3u8(text);
	const b = hlsParser.parse(text);

	assert.ok(text.startsWith('#EXTM3U\n'), 'begins with #EXTM3U');
	assert.equal(a.segments.length, own.segments.length);
	assert.equal(b.segments.length, own.segments.length);
	assert.equal(a.targetDuration, own.target);
	assert.equal(b.mediaSequenceBase, own.mediaSequence);
	assert.equal(Boolean(a.endList), own.endlist);
	own.segments.forEach((s, i) => {
		assert.equal(a.segments[i].uri, s.uri);
		assert.ok(Math.abs(b.segments[i].duration - s.duration) < 1e-6);
		assert.ok(Math.round(s.duration) <= own.target,
			`EXTINF ${s.duration} over TARGETDURATION ${own.target}`);
	});
}

/* One rendition's playlist over time. */
class Rendition {
	constructor(name, url, info) {
		Object.assign(this, { name, url, info, segments: [], polls: 0, endlist: false });
		this.known = new Map();	// uri -> segment
	}

	/* What must hold between two versions of a playlist: RFC 8216, 6.2.1 and 6.2.2. */
	take(text) {
		const p = parseMedia(text);
		const fresh = [];
		let disc = p.discontinuitySequence;

		checkMediaText(text, p);
		if (this.last)
			assert.ok(p.mediaSequence >= this.last.mediaSequence, 'MEDIA-SEQUENCE went back');
		assert.ok(!this.last || this.last.target <= p.target, 'TARGETDURATION fell');
		p.segments.forEach((s, i) => {
			const number = p.mediaSequence + i;
			const old = this.known.get(s.uri);

			disc += s.discontinuity ? 1 : 0;
			if (old) {
				assert.equal(number, old.number, `media sequence number of ${s.uri} changed`);
				assert.equal(disc, old.disc, `discontinuity number of ${s.uri} changed`);
				assert.equal(s.duration, old.duration, `duration of ${s.uri} changed`);
				return;
			}
			const prev = this.segments.at(-1);

			assert.ok(!prev || number === prev.number + 1,
				`${this.name}: media sequence jumps from ${prev && prev.number} to ${number}`);
			Object.assign(s, { number, disc, seq: parseInt(path.basename(s.uri)) });
			this.known.set(s.uri, s);
			this.segments.push(s);
			fresh.push(s);
		});
		this.last = p;
		this.endlist = p.endlist;
		this.polls++;
		return fresh;
	}
}

export class Recorder {
	constructor(t, node, name, { base } = {}) {
		Object.assign(this, { t, node, name });
		this.master = base || node.url(`/hls/${name}/index.m3u8`);
		this.dir = path.join(t.dir(), `hls-${name}-${Math.floor(performance.now())}`);
		this.renditions = new Map();
		this.stopped = false;
		fs.mkdirSync(this.dir, { recursive: true });
	}

	async #get(url, type) {
		const res = await fetch(url);

		assert.equal(res.status, 200, `GET ${url}`);
		assert.match(res.headers.get('content-type'), type, url);
		return Buffer.from(await res.arrayBuffer());
	}

	async #findRenditions() {
		const res = await fetch(this.master);

		if (res.status === 404)
			return;	// not yet there
		assert.equal(res.status, 200, `GET ${this.master}`);
		const text = await res.text();
		const a = parseByM3u8(text);
		const b = hlsParser.parse(text);

		assert.ok(b.isMasterPlaylist, 'the master playlist is one');
		assert.equal(a.playlists.length, b.variants.length);
		this.masterText = text;
		for (const v of b.variants) {
			const name = v.uri.split('/').at(-2);

			assert.ok(v.bandwidth > 0, 'BANDWIDTH');
			if (!this.renditions.has(name))
				this.renditions.set(name, new Rendition(name, new URL(v.uri, this.master).href, v));
			else
				this.renditions.get(name).info = v;
		}
	}

	async #fetchSegment(r, s) {
		const fmp4 = s.uri.endsWith('.m4s');
		const parts = [];

		s.file = path.join(this.dir, `${r.name}-${s.seq}.${fmp4 ? 'mp4' : 'ts'}`);
		if (fmp4)
			parts.push(await this.#get(new URL(s.map, r.url), /^video\/mp4|^audio\/mp4/));
		parts.push(await this.#get(new URL(s.uri, r.url), fmp4 ? /mp4/ : /^video\/mp2t$/i));
		fs.writeFileSync(s.file, Buffer.concat(parts));
		s.seenAt = Date.now();
	}

	async poll() {
		await this.#findRenditions();
		for (const r of this.renditions.values()) {
			if (r.endlist)
				continue;
			const text = (await this.#get(r.url, /mpegurl/i)).toString();

			for (const s of r.take(text))
				await this.#fetchSegment(r, s);
		}
	}

	/* Follow in the background until finish(). */
	start(everyMs = 400) {
		this.loop = (async () => {
			while (!this.stopped && !this.ended()) {
				await this.poll();
				await sleep(everyMs);
			}
		})();
		this.loop.catch((e) => { this.error = e; });
		this.t.after(async () => {
			this.stopped = true;
			await this.loop.catch(() => {});
		});
		return this;
	}

	ended() {
		return this.renditions.size > 0 && [...this.renditions.values()].every((r) => r.endlist);
	}

	/* Wait for ENDLIST everywhere: the stream's end, 10 s after its publisher's. */
	async finish({ limitMs = 25000 * slow } = {}) {
		const end = Date.now() + limitMs;

		while (!this.ended() && !this.error && Date.now() < end)
			await sleep(100);
		this.stopped = true;
		await this.loop;
		assert.ok(this.ended(), `no ENDLIST within ${limitMs} ms for ${this.name}`);
		return this;
	}

	/* The publisher is gone: wait until each segment has its renditions or has
	 * lost them, and take what is still to take.  Quicker than finish(). */
	async settle({ limitMs = 15000 * slow } = {}) {
		await until(`${this.name} settles`, async () => {
			const s = await this.node.stream(this.name);

			return this.error || !s || (s.state !== 'live' &&
				s.renditions.every((r) => r.segments + r.lost >= s.segments));
		}, limitMs);
		return this.stop();
	}

	/* Stop following, with a last look. */
	async stop() {
		this.stopped = true;
		await this.loop;
		await this.poll();
		return this;
	}

	get(name) {
		const r = this.renditions.get(name);

		assert.ok(r, `${this.name} has no rendition ${name} (it has ${[...this.renditions.keys()]})`);
		return r;
	}

	/* Runs without a discontinuity. */
	static runs(segments) {
		const runs = [];

		for (const s of segments) {
			if (s.discontinuity || runs.length === 0)
				runs.push([]);
			runs.at(-1).push(s);
		}
		return runs;
	}

	/*
	 * Everything that must hold for every stream.  o.renditions: names that must
	 * be there with exactly the source's segments; o.fps, o.audioFrame90k: what
	 * the distances between frames must be; o.renditionFps: where it is not o.fps;
	 * o.slack90k: how far a rendition's frame may be from the source's (0).
	 */
	async check(o) {
		for (const name of ['source', ...o.renditions])
			await this.#checkRendition(this.get(name), o);
		const src = this.get('source');

		for (const name of o.renditions)
			this.#checkSame(src, this.get(name), o);
		return src;
	}

	async #checkRendition(r, opts) {
		const o = r.name !== 'source' && opts.renditionFps ? { ...opts, fps: opts.renditionFps } : opts;

		assert.ok(r.segments.length > 0, `${r.name} has segments`);
		for (const s of r.segments) {
			s.packets = await packets(s.file);
			await decodes(s.file);
			const what = `${r.name} segment ${s.seq}`;

			if (o.fps)
				assert.ok(s.packets.video.length > 0, `${what} has video`);
			if (s.packets.video.length && s.file.endsWith('.ts')) {
				const nals = firstNals(s.file).filter((n) => n !== 9 && n !== 6);

				assert.ok(nals.includes(5) && !nals.includes(1), `${what} begins with an IDR: ${nals}`);
				assert.ok(nals.includes(7) && nals.includes(8), `${what} begins with SPS and PPS`);
			}
		}
		for (const run of Recorder.runs(r.segments)) {
			if (o.fps)
				checkCadence(`${r.name} video`, run.flatMap((s) => s.packets.video), 90000 / o.fps);
			if (o.audioFrame90k)
				checkCadence(`${r.name} audio`, run.flatMap((s) => s.packets.audio), o.audioFrame90k);
			await this.#decodeRun(r, run);
			checkDurations(r, run, o);
		}
	}

	/* The short form of check(): the same segments in each rendition, all of it
	 * decodes, as many frames as the source.  For tests about something else. */
	async checkBriefly(names) {
		const src = this.get('source');

		for (const name of ['source', ...names]) {
			const r = this.get(name);

			assert.deepEqual(r.segments.map((s) => s.seq), src.segments.map((s) => s.seq),
				`${name} has the segments of the source`);
			r.frames = 0;
			for (const run of Recorder.runs(r.segments))
				r.frames += await this.#decodeRun(r, run);
			assert.ok(r.frames > 0 && r.frames === src.frames, `${name} has the frames of the source`);
		}
		return src;
	}

	/* All of a run as one file; returns its video frames. */
	async #decodeRun(r, run) {
		const all = path.join(this.dir, `${r.name}-run-${run[0].seq}${path.extname(run[0].file)}`);

		if (all.endsWith('.mp4'))
			return 0;	// each piece has its own head: they do not concatenate
		fs.writeFileSync(all, Buffer.concat(run.map((s) => fs.readFileSync(s.file))));
		const n = await decodes(all);

		fs.rmSync(all);
		return n;
	}

	/* The rendition has the source's segments, boundaries, frames and sound. */
	#checkSame(src, r, o) {
		assert.deepEqual(r.segments.map((s) => s.seq), src.segments.map((s) => s.seq),
			`${r.name} has the segments of the source`);
		r.segments.forEach((s, i) => {
			const w = src.segments[i], what = `${r.name} segment ${s.seq}`;

			assert.equal(s.discontinuity, w.discontinuity, `${what}: discontinuity as the source`);
			assert.ok(Math.abs(s.duration - w.duration) < 0.002, `${what}: duration as the source`);
			if (!o.renditionFps)
				checkTimes(`${what}: video`, s.packets.video, w.packets.video, o.slack90k || 0);
			assert.deepEqual(times(s.packets.audio), times(w.packets.audio), `${what}: audio times`);
		});
	}
}

const times = (list) => list.map((p) => Math.round(p.pts)).sort((a, b) => a - b);

function checkTimes(what, got, want, slack90k) {
	const a = times(got), b = times(want);

	assert.equal(a.length, b.length, `${what} frames`);
	a.forEach((v, i) => assert.ok(Math.abs(v - b[i]) <= slack90k, `${what} frame ${i}: ${v}, source ${b[i]}`));
}

function checkCadence(what, list, frame90k) {
	const pts = times(list);

	for (let i = 1; i < pts.length; i++) {
		const d = pts[i] - pts[i - 1];

		assert.ok(Math.abs(d - frame90k) <= frame90k * FRAME_TOLERANCE,
			`${what}: ${(d / 90).toFixed(1)} ms between frames ${i - 1} and ${i} of ${pts.length}, ` +
			`wanted ${(frame90k / 90).toFixed(1)}`);
	}
}

/* EXTINF against the media: each start is the last start plus EXTINF. */
function checkDurations(r, run, o) {
	const start = (s) => Math.min(...times(o.fps ? s.packets.video : s.packets.audio));
	const frame = o.fps ? 90000 / o.fps : o.audioFrame90k;

	for (let i = 1; i < run.length; i++) {
		const media = (start(run[i]) - start(run[i - 1])) / 90000;

		assert.ok(Math.abs(media - run[i - 1].duration) <= frame / 90000,
			`${r.name} segment ${run[i - 1].seq}: EXTINF ${run[i - 1].duration}, media ${media}`);
	}
}

/*
 * What came out against what was published: no frame lost, none twice, and sound
 * and picture keep their distance within 40 ms.  orig: packets() of the file.
 */
export function checkAgainst(orig, run) {
	const pairs = { video: null, audio: null };

	for (const kind of ['video', 'audio']) {
		const want = times(orig[kind]);
		const got = times(run.flatMap((s) => s.packets[kind]));

		assert.equal(got.length, want.length, `${kind} frames came through`);
		if (want.length)
			pairs[kind] = got.map((v, i) => v - want[i]);
	}
	for (const kind of ['video', 'audio']) {
		const d = pairs[kind];
		const base = (pairs.video || pairs.audio)[0];

		for (let i = 0; d && i < d.length; i++)
			assert.ok(Math.abs(d[i] - base) <= 40 * 90,
				`${kind} frame ${i} is off by ${((d[i] - base) / 90).toFixed(1)} ms`);
	}
}
