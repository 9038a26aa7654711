/* charts.js - what is drawn: requests by status (Chart.js), the heat map of latencies, and the small lines in tables. */

const classes = ['none', '1xx', '2xx', '3xx', '4xx', '5xx', 'other'];
const order = [2, 3, 1, 4, 5, 0, 6]; /* from the bottom of the chart up */

function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

/* ---- samples of the node ---- */

const kept = { 1: 300, 10: 360 };
const samples = { 1: null, 10: null };

/* The newest are asked for again, as long as nothing is missed in between. */
async function loadSamples(step) {
    const have = samples[step];
    const limit = have === null ? '' : '&limit=3';
    let s = await get(`/stats/samples?step=${step}${limit}`);
    if (have !== null && (s.first > have.first + have.requests.length || s.first < have.first)) {
        s = await get(`/stats/samples?step=${step}`);
    } else if (have !== null) {
        const at = s.first - have.first;
        const cut = Math.max(0, at + s.requests.length - kept[step]);
        for (const key of ['requests', 'failed', 'statuses', 'latency', 'bytes_in', 'bytes_out'])
            s[key] = have[key].slice(0, at).concat(s[key]).slice(cut);
        s.first = have.first + cut;
        s.at = new Date(Date.parse(have.at) + cut * step * 1000).toISOString();
    }
    samples[step] = s;
}

/* The share q of all latencies of these samples took no longer. */
function quantile(latency, below, q) {
    const sums = [];
    for (const row of latency) row.forEach((n, i) => { sums[i] = (sums[i] || 0) + n; });
    const all = sums.reduce((a, n) => a + (n || 0), 0);
    let left = all * q;
    for (let i = 0; i < sums.length; i++) {
        const n = sums[i] || 0;
        if (n >= left && n > 0) {
            const from = i === 0 ? 0 : below[i - 1];
            return from + ((below[i] || from * 2) - from) * (left / n);
        }
        left -= n;
    }
    return null;
}

/* ---- requests by status ---- */

let period = 1;
let chart = null;

function rateData(s) {
    const step = period;
    const start = Date.parse(s.at);
    const last = s.requests.length - 1;
    const span = (i) => (i === last && step > 1 ? Math.max(1, s.seconds) : step);
    return order.map((k) => s.requests.map((_, i) => ({ x: start + i * step * 1000, y: (s.statuses[i][k] || 0) / span(i) })));
}

/* One a minute, or every ten of them. */
function wholeMinutes(axis) {
    const pause = (period === 1 ? 1 : 10) * 60000;
    axis.ticks = [];
    for (let at = Math.ceil(axis.min / pause) * pause; at <= axis.max; at += pause) axis.ticks.push({ value: at });
}

function makeChart() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 11;
    return new Chart($('rate'), {
        type: 'line',
        data: { datasets: order.map((k) => ({ label: classes[k], data: [], fill: 'stack', borderWidth: 1, pointRadius: 0, stepped: 'middle' })) },
        options: {
            animation: false, parsing: false, normalized: true, maintainAspectRatio: false, events: ['mousemove', 'mouseout', 'touchstart'],
            interaction: { mode: 'index', intersect: false },
            scales: {
                x: { type: 'linear', ticks: { callback: (v) => clock(v).slice(0, 5), autoSkip: false, maxRotation: 0 }, grid: { display: false }, afterBuildTicks: wholeMinutes },
                y: { stacked: true, beginAtZero: true, suggestedMax: 1, ticks: { maxTicksLimit: 5, callback: (v) => short(v) } },
            },
            plugins: {
                legend: { position: 'bottom', align: 'start', labels: { boxWidth: 10, boxHeight: 10, filter: (item) => !item.hidden } },
                tooltip: { filter: (item) => item.parsed.y > 0, callbacks: { title: (items) => (items.length > 0 ? clock(items[0].parsed.x) : ''), label: (item) => `${item.dataset.label}: ${short(item.parsed.y)}/s` } },
            },
        },
    });
}

function drawRate() {
    const s = samples[period];
    if (s === null) return;
    if (chart === null) chart = makeChart();
    const rows = rateData(s);
    const width = kept[period] * period * 1000;
    order.forEach((k, i) => {
        const set = chart.data.datasets[i];
        set.data = rows[i];
        set.hidden = rows[i].every((p) => p.y === 0);
        set.borderColor = color('s-' + classes[k]);
        set.backgroundColor = color('f-' + classes[k]);
    });
    const end = Date.parse(s.at) + (s.requests.length - 1) * period * 1000;
    const { x, y } = chart.options.scales;
    x.min = end - width;
    x.max = end;
    x.ticks.color = y.ticks.color = chart.options.plugins.legend.labels.color = color('muted');
    y.grid = { color: color('line') };
    chart.update('none');
    const now = order.map((k, i) => [classes[k], rows[i].length > 1 ? rows[i][rows[i].length - 2].y : 0]).filter(([, n]) => n > 0);
    $('rate').setAttribute('aria-label', 'Requests a second by class of status, now: ' + (now.map(([name, n]) => `${name} ${short(n)}`).join(', ') || 'none'));
}

/* ---- the heat map ---- */

const heatRows = 18;
const heatLeft = 52;

function drawHeat() {
    const s = samples[10];
    const canvas = $('heat');
    const box = canvas.parentElement.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    if (s === null || box.width === 0) return;
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
    canvas.style.width = box.width + 'px';
    canvas.style.height = box.height + 'px';
    const g = canvas.getContext('2d');
    g.scale(ratio, ratio);
    const w = (box.width - heatLeft) / kept[10];
    const h = (box.height - 18) / heatRows;
    const most = Math.max(1, ...s.latency.map((row) => Math.max(0, ...row)));
    const offset = kept[10] - s.latency.length;
    g.fillStyle = color('heat-none');
    g.fillRect(heatLeft, 0, box.width - heatLeft, h * heatRows);
    const ramp = color('heat').split(' ');
    s.latency.forEach((row, i) => row.forEach((n, k) => {
        if (n === 0) return;
        const step = Math.min(ramp.length - 1, Math.floor((Math.log1p(n) / Math.log1p(most)) * ramp.length));
        g.fillStyle = ramp[step];
        g.fillRect(heatLeft + (offset + i) * w, (heatRows - 1 - k) * h, w + 0.5, h + 0.5);
    }));
    g.fillStyle = color('muted');
    g.font = '11px ' + getComputedStyle(document.body).fontFamily;
    g.textBaseline = 'middle';
    g.textAlign = 'right';
    for (let k = 0; k < heatRows - 1; k += 3) g.fillText(micro(s.latency_below_us[k]), heatLeft - 6, (heatRows - 1 - k) * h);
    const end = Date.parse(s.at) + s.latency.length * 10000;
    g.textBaseline = 'bottom';
    for (let m = 0; m <= 60; m += 15) {
        g.textAlign = m === 60 ? 'left' : m === 0 ? 'right' : 'center';
        g.fillText(clock(end - m * 60000).slice(0, 5), heatLeft + (60 - m) * 6 * w, box.height);
    }
    const p = quantile(s.latency, s.latency_below_us, 0.99);
    canvas.setAttribute('aria-label', p === null ? 'Latency over the last hour: no requests' : `Latency over the last hour: half of the requests took at most ${micro(quantile(s.latency, s.latency_below_us, 0.5))}, 99 % at most ${micro(p)}`);
}

$('heat').addEventListener('mousemove', (e) => {
    const s = samples[10];
    const box = $('heat').getBoundingClientRect();
    if (s === null) return;
    const i = Math.floor(((e.clientX - box.left - heatLeft) / (box.width - heatLeft)) * kept[10]) - (kept[10] - s.latency.length);
    const k = heatRows - 1 - Math.floor((e.clientY - box.top) / ((box.height - 18) / heatRows));
    const row = s.latency[i];
    if (row === undefined || k < 0 || k >= heatRows) return;
    const from = k === 0 ? '0' : micro(s.latency_below_us[k - 1]);
    const to = k === heatRows - 1 ? 'more' : micro(s.latency_below_us[k]);
    say($('heat-note'), `${clock(Date.parse(s.at) + i * 10000)}, ${from} to ${to}: ${count(row[k] || 0)}`);
});

/* ---- small lines ---- */

const svg = 'http://www.w3.org/2000/svg';
const points = 60;

function makeSpark(name) {
    const e = document.createElementNS(svg, 'svg');
    const path = document.createElementNS(svg, 'path');
    e.setAttribute('viewBox', '0 0 60 16');
    e.setAttribute('preserveAspectRatio', 'none');
    e.setAttribute('aria-hidden', 'true');
    e.setAttribute('class', 'spark ' + name);
    e.append(path);
    const text = make('span', { class: 'spark-text' });
    return { cell: [e, text], path, text, drawn: null };
}

/* values: the newest last; label: of the newest, for people and screen readers. */
function drawSpark(spark, values, label) {
    if (spark.drawn === values && spark.label === label) return;
    spark.drawn = values;
    spark.label = label;
    say(spark.text, label);
    const most = Math.max(1, ...(values || []));
    let d = '';
    if (values && values.some((v) => v > 0)) {
        const from = points - values.length;
        values.forEach((v, i) => { d += (i === 0 ? 'M' : 'L') + (from + i + 0.5) + ' ' + (15 - (v / most) * 13).toFixed(1); });
    }
    spark.path.setAttribute('d', d);
}

function drawLine(sparks, line) {
    const at = line && line.requests.length > 0 ? line.requests.length - 1 : -1;
    drawSpark(sparks[0], line && line.requests, at < 0 ? '–' : short(line.requests[at] / 10) + '/s');
    drawSpark(sparks[1], line && line.failed, at < 0 ? '–' : short(line.failed[at] / 10) + '/s');
    drawSpark(sparks[2], line && line.mean_us, at < 0 || line.mean_us[at] === 0 ? '–' : micro(line.mean_us[at]));
}
