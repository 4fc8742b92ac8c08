// OBS Studio, headless, as people use it.  Only in `make test-long`.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { long, sleep, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';

const ini = (sections) => Object.entries(sections).map(([name, values]) =>
	`[${name}]\n${Object.entries(values).map(([k, v]) => `${k}=${v}\n`).join('')}`).join('');

/* A home with one profile and one scene of plain colour. */
function configure(home, server, key) {
	const c = path.join(home, '.config/obs-studio');
	const profile = path.join(c, 'basic/profiles/T');

	fs.mkdirSync(profile, { recursive: true });
	fs.mkdirSync(path.join(c, 'basic/scenes'), { recursive: true });
	fs.mkdirSync(path.join(home, 'run'), { mode: 0o700 });
	fs.writeFileSync(path.join(c, 'global.ini'), ini({
		General: { FirstRun: true, LastVersion: 486539266, EnableAutoUpdates: false, InfoIncrement: 9999 },
		Basic: { Profile: 'T', ProfileDir: 'T', SceneCollection: 'T', SceneCollectionFile: 'T', ConfigOnNewProfile: false },
	}));
	fs.writeFileSync(path.join(profile, 'basic.ini'), ini({
		General: { Name: 'T' },
		Output: { Mode: 'Simple' },
		SimpleOutput: { VBitrate: 400, ABitrate: 96, StreamEncoder: 'x264', Preset: 'ultrafast' },
		Video: { BaseCX: 320, BaseCY: 180, OutputCX: 320, OutputCY: 180, FPSCommon: 30 },
		Audio: { SampleRate: 48000, ChannelSetup: 'Stereo' },
	}));
	fs.writeFileSync(path.join(profile, 'service.json'),
		JSON.stringify({ type: 'rtmp_custom', settings: { server, key, use_auth: false } }));
	fs.writeFileSync(path.join(c, 'basic/scenes/T.json'), JSON.stringify({
		name: 'T', current_scene: 'S', current_program_scene: 'S', scene_order: [{ name: 'S' }],
		sources: [
			{ id: 'color_source_v3', versioned_id: 'color_source_v3', name: 'C',
				settings: { color: 4278255360, width: 320, height: 180 }, enabled: true },
			{ id: 'scene', versioned_id: 'scene', name: 'S', settings: { id_counter: 1, items: [{
				name: 'C', id: 1, visible: true, pos: { x: 0, y: 0 }, scale: { x: 1, y: 1 } }] }, enabled: true },
		],
		groups: [], transitions: [], modules: {},
	}));
}

test('OBS publishes a minute and every segment plays', async (t) => {
	if (!long)
		t.skip('make test-long');
	const n = await Node.start(t);
	const home = path.join(t.dir(), 'home');

	configure(home, `rtmp://${n.addr.rtmp}/live`, 'obs');
	const rec = new Recorder(t, n, 'obs').start();
	const obs = t.spawn('timeout', ['-k', '5', '70', 'xvfb-run', '-a', '-s', '-screen 0 1024x768x24 +extension GLX',
		'obs', '--startstreaming', '--minimize-to-tray', '--multi', '--disable-updater', '--collection', 'T',
		'--profile', 'T', '--scene', 'S'], { env: { ...process.env, HOME: home, XDG_CONFIG_HOME: path.join(home, '.config'),
		XDG_RUNTIME_DIR: path.join(home, 'run'), LIBGL_ALWAYS_SOFTWARE: '1', QT_QPA_PLATFORM: 'xcb' } });

	t.diagnoses.push(() => obs.text().split('\n').filter((l) => /stream|rtmp|error/i.test(l)).join('\n'));
	await until('OBS is live', async () => (await n.stream('obs'))?.state === 'live', 40000);
	await until('some segments came', async () => (await n.stream('obs')).segments >= 4, 60000);
	obs.kill('SIGTERM');
	await obs.over;
	await rec.finish();
	const src = await rec.check({ fps: 30, renditions: ['low', 'mid'] });

	assert.ok(src.segments.length >= 4);
	await sleep(0);
}, { limitS: 160 });
