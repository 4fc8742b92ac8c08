// Segments pushed over HTTP as go-livepeer takes them, and the multipart answer.
import http from 'node:http';

/* PUT a body.  o: headers, method, agent.  {status, headers, body}. */
export function put(url, body, o = {}) {
	return new Promise((resolve, reject) => {
		const req = http.request(url, { method: o.method || 'PUT', agent: o.agent,
			headers: { 'Content-Length': body.length, ...o.headers } }, (res) => {
			const got = [];

			res.on('data', (d) => got.push(d));
			res.on('end', () => resolve({ status: res.statusCode, headers: res.headers,
				body: Buffer.concat(got) }));
			res.on('error', reject);
		});

		req.on('error', reject);
		req.end(body);
	});
}

/* Parts of a multipart/mixed answer: [{headers, body}]. */
export function parts(res) {
	const m = /boundary="?([^";]+)"?/.exec(res.headers['content-type'] || '');

	if (!m)
		throw new Error(`no boundary in "${res.headers['content-type']}"`);
	const mark = Buffer.from(`--${m[1]}`);
	const result = [];
	let at = res.body.indexOf(mark);

	for (;;) {
		at += mark.length;
		if (res.body.subarray(at, at + 2).toString() === '--')
			return result;
		const head = res.body.indexOf('\r\n\r\n', at);
		const next = res.body.indexOf(Buffer.from(`\r\n--${m[1]}`), head + 2);

		if (head < 0 || next < 0)
			throw new Error('the multipart body is cut short');
		const headers = Object.fromEntries(res.body.subarray(at + 2, head).toString().split('\r\n')
			.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]));

		result.push({ headers, body: res.body.subarray(head + 4, next) });
		at = next + 2;
	}
}
