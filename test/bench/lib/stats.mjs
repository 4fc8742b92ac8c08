// Numbers of a bench: how they are told, and whether they grow.
export const sorted = (list) => [...list].sort((a, b) => a - b);

export function quantile(list, q) {
	const s = sorted(list);

	return s.length ? s[Math.min(s.length - 1, Math.floor(s.length * q))] : NaN;
}

export function median(list) {
	const s = sorted(list), m = s.length >> 1;

	return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2;
}

/* "n=20 median 151.0 (120.2 to 260.9), p99 260.9, worst 260.9" */
export function told(list, digits = 1) {
	const f = (v) => v.toFixed(digits);

	if (list.length === 0)
		return 'n=0';
	return `n=${list.length} median ${f(median(list))} (${f(Math.min(...list))} to ${f(Math.max(...list))}), ` +
		`p99 ${f(quantile(list, 0.99))}, worst ${f(Math.max(...list))}`;
}

/* Two-sided 95 % points of Student's t. */
function t95(df) {
	const table = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

	if (df < 1)
		return Infinity;
	return df <= 10 ? table[df - 1] : 1.96 + 2.5 / df;	// within 1 % from 11 on
}

/*
 * Least squares: {slope, low, high}, low to high being the 95 % confidence interval
 * of the slope.  Points must be independent for that: give one for each minute or so,
 * not each sample.
 */
export function fit(xs, ys) {
	const n = xs.length;
	const mx = xs.reduce((a, b) => a + b, 0) / n, my = ys.reduce((a, b) => a + b, 0) / n;
	const sxx = xs.reduce((a, x) => a + (x - mx) ** 2, 0);

	if (n < 3 || sxx === 0)
		return { slope: NaN, low: -Infinity, high: Infinity };
	const slope = xs.reduce((a, x, i) => a + (x - mx) * (ys[i] - my), 0) / sxx;
	const sse = ys.reduce((a, y, i) => a + (y - my - slope * (xs[i] - mx)) ** 2, 0);
	const half = t95(n - 2) * Math.sqrt(sse / (n - 2) / sxx);

	return { slope, low: slope - half, high: slope + half };
}
