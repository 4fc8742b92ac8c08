// Luck that depends on who and what for, not on how many were drawn before: two runs that
// differ in one agent's doing have the same luck everywhere else, so they can be compared.

// One word of 32 bits, avalanched by the finaliser of MurmurHash3.
function stir(h, x) {
	h = Math.imul(h ^ x, 0x85ebca6b)
	h ^= h >>> 13
	h = Math.imul(h, 0xc2b2ae35)
	return h ^ (h >>> 16)
}

// A function of four small integers, to a number above 0 and below 1.
export function luck(seed) {
	const start = stir(0x9747b28c, seed)
	return (tag, a = 0, b = 0, c = 0) =>
		((stir(stir(stir(stir(start, tag), a + 1), b + 1), c + 1) >>> 0) + 0.5) / 2 ** 32
}

// What luck is drawn for: one name, one number.
export const TAG = Object.fromEntries(['cut', 'share', 'price', 'cost', 'self', 'taste', 'threshold',
	'wealth', 'delegate', 'look', 'sample', 'draw', 'offer', 'length', 'job_block', 'election', 'challenge',
	'bad', 'seat', 'jury', 'watch', 'plant', 'start', 'early'].map((name, i) => [name, i + 1]))

// A normal deviate from two draws (Box and Muller).
export function normal(u, tag, a, b) {
	return Math.sqrt(-2 * Math.log(u(tag, a, b, 1))) * Math.cos(2 * Math.PI * u(tag, a, b, 2))
}
