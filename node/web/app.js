'use strict';
/*
 * The player page: asks /api/streams once a second, lists what is live, plays the
 * stream named in the address (#NAME) through hls.js.  Everything shown comes from
 * that answer or from the player; names and warnings are only ever set as text.
 */

const $ = (id) => document.getElementById(id);
const video = $('video');

function el(tag, props, ...children) {
	const e = Object.assign(document.createElement(tag), props);

	e.append(...children);
	return e;
}

/* ---- how numbers look ---- */
function fmtRate(bps) {
	if (!bps)
		return '';
	return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

function fmtAge(ms) {
	const s = Math.max(0, Math.round(ms / 1000));
	const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;

	if (h)
		return `${h} h ${m} min`;
	return m ? `${m} min ${s % 60} s` : `${s} s`;
}

const fmtCount = (n) => n.toLocaleString('en');
const fmtPlural = (n, what) => `${fmtCount(n)} ${what}${n === 1 ? '' : 's'}`;
const fmtSize = (o) => o && o.width ? `${o.width}×${o.height}` : 'audio only';

/* "avc1.64001f" -> "H.264"; what is not known stays as it is. */
const CODECS = [[/^(avc|h264)/i, 'H.264'], [/^(hvc1|hev1|hevc)/i, 'HEVC'], [/^av01/, 'AV1'],
	[/^vp0?9/, 'VP9'], [/^(mp4a\.40\.34|mp3)/, 'MP3'], [/^(mp4a|aac)/i, 'AAC'], [/^opus/i, 'Opus']];

function fmtCodec(codec) {
	const known = CODECS.find(([pattern]) => pattern.test(codec));

	return known ? known[1] : codec;
}

function fmtSource(s) {
	const src = s.source || {};
	const fps = src.fps ? `${Math.round(src.fps * 100) / 100} fps` : '';
	const codecs = [src.videoCodec, src.audioCodec].filter(Boolean).map(fmtCodec).join(' + ');

	if (!src.videoCodec && !src.audioCodec && !src.width)
		return 'waiting for media';
	return [fmtSize(src), fps, codecs, fmtRate(src.bitrate)].filter(Boolean).join(' · ');
}

/* ---- playing ---- */
let hls = null;		/* the running player, null: none */
let playing = '';	/* name it plays */
let over = false;	/* it has ended since: once live again, start anew */
let retryTimer = 0;

function cover(text) {
	$('cover').textContent = text;
	$('cover').classList.toggle('on', text !== '');
}

function stop() {
	clearTimeout(retryTimer);
	if (hls)
		hls.destroy();
	hls = null;
	playing = '';
	over = false;
	video.removeAttribute('src');
	video.load();
	$('latency').hidden = true;
	fillQuality();
}

function levelName(level) {
	const side = Math.min(level.width, level.height);

	return side ? `${side}p` : 'audio';
}

function fillQuality() {
	const menu = $('quality');
	const levels = hls ? hls.levels : [];
	const options = levels.map((l, i) => el('option', {
		value: i, textContent: `${levelName(l)} · ${fmtRate(l.bitrate)}`,
	}));

	/* Best first, as people expect; the values keep hls.js's order. */
	menu.replaceChildren(el('option', { value: -1, textContent: 'Auto' }), ...options.reverse());
	menu.disabled = levels.length < 2;
	menu.value = hls && !hls.autoLevelEnabled ? hls.manualLevel : -1;
}

function showAutoLevel() {
	const level = hls && hls.levels[hls.currentLevel];

	$('quality').options[0].textContent = level && hls.autoLevelEnabled ?
		`Auto (${levelName(level)})` : 'Auto';
}

/* Network trouble is retried for ever: the stream may come back; the list says
 * when it has ended. */
function onFatal(data) {
	if (data.type === Hls.ErrorTypes.MEDIA_ERROR) {
		hls.recoverMediaError();
		return;
	}
	const name = playing;

	stop();
	cover('Waiting for the stream …');
	retryTimer = setTimeout(() => play(name), 2000);
}

function playByHls(url) {
	const h = new Hls({ backBufferLength: 30, maxLiveSyncPlaybackRate: 1.1 });

	h.on(Hls.Events.MANIFEST_PARSED, fillQuality);
	h.on(Hls.Events.LEVEL_SWITCHED, showAutoLevel);
	h.on(Hls.Events.ERROR, (event, data) => {
		if (data.fatal && h === hls)
			onFatal(data);
	});
	h.loadSource(url);
	h.attachMedia(video);
	hls = h;
}

function play(name) {
	const url = `/hls/${encodeURIComponent(name)}/index.m3u8`;

	stop();
	playing = name;
	cover('');
	if (window.Hls && Hls.isSupported())
		playByHls(url);
	else if (video.canPlayType('application/vnd.apple.mpegurl'))
		video.src = url;	/* Safari plays HLS by itself */
	else
		cover('This browser can play neither Media Source nor HLS.');
	video.play().catch(() => {});	/* autoplay refused: the controls are there */
}

/* Wall time of the picture against ours; where clocks disagree, the distance
 * to the end of the playlist. */
function showLatency() {
	const date = hls && hls.playingDate;
	let s = date ? (Date.now() - date.getTime()) / 1000 : NaN;

	if (hls && !(s > 0 && s < 300))
		s = hls.latency;
	$('latency').hidden = !(s > 0) || video.readyState < 2;
	$('latency').textContent = `${s.toFixed(1)} s behind live`;
}

$('quality').addEventListener('change', (e) => {
	if (hls)
		hls.currentLevel = Number(e.target.value);
	showAutoLevel();
});

/* ---- the list ---- */
/* The renditions made by transcoding: the source is one to players only. */
const made = (s) => (s.renditions || []).filter((r) => r.name !== 'source');

const cards = new Map();	/* name -> its card, kept so that focus stays */

function newCard(name) {
	const c = {
		badge: el('i', { className: 'badge' }),
		facts: el('span'),
		age: el('span'),
	};

	c.root = el('a', { className: 'card', href: `#${encodeURIComponent(name)}` },
		el('b', {}, name, c.badge), c.facts, c.age);
	cards.set(name, c);
	return c;
}

function showCards(streams, chosen) {
	for (const s of streams) {
		const c = cards.get(s.name) || newCard(s.name);

		c.badge.className = `badge ${s.state}`;
		c.badge.textContent = s.state;
		c.facts.textContent = fmtSource(s);
		c.age.textContent = `${fmtAge(Date.now() - s.sinceMs)} · ${fmtPlural(s.segments || 0, 'segment')} · ` +
			fmtPlural(made(s).length, 'rendition');
		c.root.classList.toggle('chosen', s.name === chosen);
		if (!c.root.isConnected)
			$('streams').append(c.root);
	}
	for (const [name, c] of cards) {
		if (!streams.some((s) => s.name === name)) {
			c.root.remove();
			cards.delete(name);
		}
	}
}

function showCounters(streams, totals) {
	const rows = [
		['live', fmtCount(streams.filter((s) => s.state === 'live').length)],
		['segments in', fmtCount(totals.segmentsIn)],
		['renditions out', fmtCount(totals.renditionsOut)],
		['lost', fmtCount(totals.renditionsLost)],
		['a segment', totals.segmentMsP50 > 0 ? `${Math.round(totals.segmentMsP50)} ms` : '–'],
	];

	$('counters').replaceChildren(...rows.map(([name, text]) => el('div',
		{ className: name === 'lost' && totals.renditionsLost ? 'bad' : '' },
		el('dt', { textContent: name }), el('dd', { textContent: text }))));
}

const sourceRow = (s) => ({ name: 'source', width: s.source.width, height: s.source.height,
	bitrate: s.source.bitrate, segments: s.segments, lastSequence: s.lastSequence });

function renditionRow(r) {
	const lost = r.lost || 0;
	const cells = [r.name, fmtSize(r), fmtRate(r.bitrate), fmtCount(r.segments || 0),
		fmtCount(lost), r.lastSequence === undefined ? '' : `#${r.lastSequence}`];
	const row = el('tr', {}, ...cells.map((t) => el('td', { textContent: t })));

	row.children[4].className = lost ? 'bad' : '';
	return row;
}

function showChosen(s) {
	const rends = s ? [sourceRow(s), ...made(s)] : [];
	const via = s && s.orchestrator && s.orchestrator !== 'local' ?
		`transcoded at ${s.orchestrator}` : '';

	$('title').textContent = s ? s.name : 'No stream chosen';
	$('facts').textContent = s ? [fmtSource(s), via].filter(Boolean).join(' · ') : '';
	$('warnings').replaceChildren(...(s && s.warnings || []).map((w) => el('li', { textContent: w })));
	$('renditions').hidden = !s || s.segments === 0;
	$('renditions').tBodies[0].replaceChildren(...rends.map(renditionRow));
	document.title = s ? `${s.name} · lpnode` : 'lpnode';
}

/* The name in the address, "" if none. */
function wantedName() {
	try {
		return decodeURIComponent(location.hash.slice(1));
	} catch (e) {
		return '';	/* not percent-encoded rightly: no name of ours */
	}
}

/* The stream named in the address; without one, the first that is live. */
function choose(streams) {
	const wanted = wantedName();

	return streams.find((s) => s.name === wanted) ||
		(wanted ? undefined : streams.find((s) => s.state === 'live'));
}

/* Something to play has come, gone or changed: follow it. */
function follow(streams, s) {
	const wanted = wantedName();

	if (!s) {
		if (playing)
			stop();
		cover(wanted && streams.length ? `No stream named ${wanted}.` : 'Publish a stream and it plays here.');
		return;
	}
	if (s.state === 'ended') {
		/* What is buffered may play to its end. */
		over = true;
		if (playing !== s.name)
			cover('This stream has ended.');
		else if (video.ended)
			cover('The stream has ended.');
		return;
	}
	if ((playing !== s.name || over) && s.segments > 0)
		play(s.name);
	else if (playing !== s.name)
		cover('The first segment is on its way …');
}

let last = null;	/* the last answer */

function show(answer) {
	const streams = answer.streams;
	const s = choose(streams);

	last = answer;
	showCards(streams, s && s.name);
	showCounters(streams, answer.totals);
	showChosen(s);
	follow(streams, s);
	$('how').hidden = streams.length > 0;
}

function setLink(up) {
	$('link').className = `link ${up ? 'up' : 'down'}`;
	$('link').textContent = up ? 'node is up' : 'node does not answer';
}

async function refresh() {
	try {
		const res = await fetch('/api/streams', {
			cache: 'no-store', signal: AbortSignal.timeout(4000),
		});

		if (!res.ok)
			throw new Error(`status ${res.status}`);
		show(await res.json());
		setLink(true);
	} catch (e) {
		setLink(false);
	}
	showLatency();
	showAutoLevel();
	setTimeout(refresh, 1000);
}

function showHow() {
	const host = location.hostname.includes(':') || !location.hostname ? '127.0.0.1' : location.hostname;
	const server = `rtmp://${host}:1935/live`;
	const cmd = 'ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 ' +
		'-f lavfi -i sine=frequency=440 -c:v libx264 -preset veryfast -pix_fmt yuv420p ' +
		`-g 60 -b:v 2500k -c:a aac -f flv ${server}/demo`;

	document.querySelector('.server').textContent = server;
	$('how-ffmpeg').textContent = cmd;
	/* The clipboard is there on loopback and over TLS only. */
	$('copy').hidden = !navigator.clipboard;
	$('copy').addEventListener('click', async () => {
		await navigator.clipboard.writeText(cmd);
		$('copy').textContent = 'Copied';
	});
}

window.addEventListener('hashchange', () => {
	if (playing)
		stop();
	if (last)
		show(last);
});
showHow();
cover('Asking the node …');
refresh();
