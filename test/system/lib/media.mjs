// Sources that tests publish, made once by ffmpeg into build/test-media, and the
// publishers that send them.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { run } from './harness.mjs';

const DIR = 'build/test-media';
const FF = ['-nostdin', '-hide_banner', '-v', 'error', '-y'];

/*
 * Make a source file.  o: seconds, size, fps, gop (frames), bf, video, audio
 * (false to leave out), rate (audio), ext ('flv', 'ts', 'mp4'), extra.
 */
let nMade = 0;	// tests of one file run side by side and may want the same media

export async function source(o = {}) {
	const { seconds = 10, size = '320x180', fps = 30, gop = 30, bf = 0, video = true,
		audio = true, rate = 48000, ext = 'flv', extra = [] } = o;
	const key = crypto.createHash('sha256').update(JSON.stringify([2, o])).digest('hex').slice(0, 16);
	const file = path.join(DIR, `${key}.${ext}`);

	if (fs.existsSync(file))
		return file;
	fs.mkdirSync(DIR, { recursive: true });
	const tmp = path.join(DIR, `${process.pid}-${nMade++}-${key}.${ext}`);
	const args = [...FF];

	if (video)
		args.push('-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${fps}`);
	if (audio)
		args.push('-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=${rate}`);
	args.push('-t', String(seconds));
	if (video)
		args.push('-c:v', 'libx264', '-preset', bf ? 'veryfast' : 'ultrafast', '-pix_fmt', 'yuv420p',
			'-bf', String(bf), '-g', String(gop), '-keyint_min', String(gop), '-sc_threshold', '0',
			'-b:v', '300k', '-maxrate', '300k', '-bufsize', '300k', '-threads', '1');
	if (audio)
		args.push('-c:a', 'aac', '-b:a', '64k');
	await run('ffmpeg', [...args, ...extra, tmp]);
	fs.renameSync(tmp, file);
	return file;
}

/* The source cut into TS (or MP4) files of one GOP each, as an encoder would PUT them. */
export async function pieces(o = {}, ext = 'ts') {
	const src = await source({ ...o, ext: 'mp4' });
	const dir = `${src}.${ext}.d`;

	if (!fs.existsSync(dir)) {
		const tmp = `${dir}.${process.pid}-${nMade++}`;

		fs.mkdirSync(tmp, { recursive: true });
		const format = ext === 'ts' ? ['mpegts'] : ['mp4', '-reset_timestamps', '0'];
		await run('ffmpeg', [...FF, '-i', src, '-c', 'copy', '-f', 'segment', '-segment_time',
			String(o.pieceS || 2), '-segment_format', ...format, path.join(tmp, `%d.${ext}`)]);
		try {
			fs.renameSync(tmp, dir);
		} catch (e) {	// another test process was faster
			fs.rmSync(tmp, { recursive: true, force: true });
		}
	}
	return fs.readdirSync(dir).sort((a, b) => parseInt(a) - parseInt(b)).map((f) => path.join(dir, f));
}

/* Publish a file by ffmpeg, rate times as fast as it plays. */
export function publish(t, file, url, { rate = 1, args = [], before = [] } = {}) {
	return t.spawn('ffmpeg', [...FF, '-readrate', String(rate), ...before, '-i', file, '-c', 'copy',
		...args, '-f', 'flv', '-flvflags', 'no_duration_filesize', url]);
}

/* Packets of a file: {video: [...], audio: [...], streams}; pts and dts in 90 kHz. */
export async function packets(file) {
	const { stdout } = await run('ffprobe', ['-v', 'error', '-of', 'json', '-show_entries',
		'stream=index,codec_type,codec_name,width,height,time_base,r_frame_rate:' +
		'packet=stream_index,pts,dts,flags', file]);
	const j = JSON.parse(stdout);
	const result = { video: [], audio: [], streams: j.streams || [] };
	const by = new Map(result.streams.map((s) => [s.index, s]));

	for (const p of j.packets || []) {
		const s = by.get(p.stream_index);
		const [num, den] = s.time_base.split('/').map(Number);
		const scale = (v) => v * num * 90000 / den;

		if (result[s.codec_type])
			result[s.codec_type].push({ pts: scale(p.pts), dts: scale(p.dts), key: p.flags[0] === 'K' });
	}
	return result;
}

/* Decode all of it; throws with ffmpeg's words on the least complaint.  Returns the
 * number of video frames. */
export async function decodes(file, args = []) {
	const end = await run('ffmpeg', ['-nostdin', '-v', 'error', '-xerror', '-progress', 'pipe:1', ...args, '-i', file,
		// Times as they are: on a grid of whole frames two that jitter would meet.
		'-fps_mode', 'passthrough', '-enc_time_base', '-1', '-f', 'null', '-'], { anyCode: true });

	if (end.code !== 0 || end.stderr.trim())
		throw new Error(`${path.basename(file)} does not decode cleanly: ${end.stderr.slice(0, 500)}`);
	return Number(/^frame=(\d+)(?![\s\S]*^frame=)/m.exec(end.stdout)?.[1] ?? 0);
}

/* NAL types of the first access unit of a TS file's H.264 stream. */
export function firstNals(file) {
	const data = fs.readFileSync(file);
	let pmt = -1, pid = -1, started = false;
	const es = [];

	for (let at = 0; at + 188 <= data.length; at += 188) {
		if (data[at] !== 0x47)
			throw new Error(`${file}: no TS sync byte at ${at}`);
		const p = ((data[at + 1] & 0x1f) << 8) | data[at + 2];
		const unit = data[at + 1] & 0x40;
		let off = at + 4;

		if (data[at + 3] & 0x20)
			off += 1 + data[off];
		if (!(data[at + 3] & 0x10))
			continue;
		if (p === 0 && unit) {
			off += 1 + data[off];
			pmt = ((data[off + 10] & 0x1f) << 8) | data[off + 11];
		} else if (p === pmt && unit && pid < 0) {
			off += 1 + data[off];
			let e = off + 12 + (((data[off + 10] & 0xf) << 8) | data[off + 11]);
			const end = off + 3 + (((data[off + 1] & 0xf) << 8) | data[off + 2]) - 4;

			for (; e < end; e += 5 + (((data[e + 3] & 0xf) << 8) | data[e + 4]))
				if (data[e] === 0x1b)
					pid = ((data[e + 1] & 0x1f) << 8) | data[e + 2];
		} else if (p === pid) {
			if (unit && started)
				break;
			if (unit)
				off += 9 + data[off + 8];
			started = true;
			es.push(data.subarray(off, at + 188));
		}
	}
	const b = Buffer.concat(es);
	const types = [];

	for (let i = 0; i + 3 < b.length; i++)
		if (b[i] === 0 && b[i + 1] === 0 && b[i + 2] === 1)
			types.push(b[i + 3] & 0x1f);
	return types;
}
