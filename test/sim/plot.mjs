// A series as text for a terminal, and several as one SVG.

// Columns that each stand for the mean of a part of the values.
function squeeze(values, width) {
	const length = Math.min(width, values.length)
	return Array.from({ length }, (_, i) => {
		const part = values.slice(Math.floor(i * values.length / length), Math.floor((i + 1) * values.length / length))
		return part.reduce((a, b) => a + b, 0) / part.length
	})
}

const bounds = values => {
	const low = Math.min(...values)
	const high = Math.max(...values)
	return high > low ? [low, high] : [low - 1, high + 1]
}

// mark: a value that gets a dotted line.
export function text_plot(title, values, show, { width = 72, height = 8, mark } = {}) {
	const points = squeeze(values, width)
	const [low, high] = bounds(mark === undefined ? points : [...points, mark])
	const row_of = v => Math.round((v - low) / (high - low) * (height - 1))
	const rows = Array.from({ length: height }, (_, r) => {
		const label = r === 0 || r === height - 1 ? show(r === 0 ? low : high) : ''
		const line = points.map(v => row_of(v) === r ? '*' : mark !== undefined && row_of(mark) === r ? '.' : ' ').join('')
		return `${label.padStart(12)} |${line.trimEnd()}`
	})
	return [`${title}, rounds 1 to ${values.length}`, ...rows.reverse()].join('\n')
}

const WIDE = 900
const TALL = 170
const LEFT = 90

function panel({ title, values, show, mark, colour }, index) {
	const [low, high] = bounds(mark === undefined ? values : [...values, mark])
	const x = i => LEFT + i / Math.max(1, values.length - 1) * (WIDE - LEFT - 20)
	const y = v => 30 + (1 - (v - low) / (high - low)) * (TALL - 50)
	const path = squeeze(values, 500).map((v, i, { length }) =>
		`${i ? 'L' : 'M'}${x(i / Math.max(1, length - 1) * (values.length - 1)).toFixed(1)} ${y(v).toFixed(1)}`).join('')
	const dotted = mark === undefined ? '' :
		`<path d="M${LEFT} ${y(mark).toFixed(1)}H${WIDE - 20}" stroke="#888" stroke-dasharray="4 4"/>`
	return `<g transform="translate(0 ${index * TALL})">
<text x="${LEFT}" y="18" font-weight="bold">${title}</text>
<text x="${LEFT - 8}" y="${y(high) + 4}" text-anchor="end">${show(high)}</text>
<text x="${LEFT - 8}" y="${y(low) + 4}" text-anchor="end">${show(low)}</text>
<path d="M${LEFT} 30V${TALL - 20}H${WIDE - 20}" fill="none" stroke="#333"/>
${dotted}<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>
</g>`
}

export function svg_plot(panels) {
	const height = panels.length * TALL + 20
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDE} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${panels.map(panel).join('\n')}
<text x="${WIDE - 20}" y="${height - 6}" text-anchor="end">rounds 1 to ${panels[0].values.length}</text>
</svg>
`
}

// Rows of cells as aligned lines: the first and the last column to the left, the others to the
// right.
export function table(rows) {
	const widths = rows[0].map((_, c) => Math.max(...rows.map(r => r[c].length)))
	const is_text = c => c === 0 || c === widths.length - 1
	return rows.map(r => r.map((cell, c) => !is_text(c) ? cell.padStart(widths[c]) : cell.padEnd(widths[c])).join('  ').trimEnd()).join('\n')
}
