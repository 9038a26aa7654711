/* panels.js - the tables and lists around the servers. A table is filled row by row from what the API says, and elements whose
 * text is still true are left alone. */

/* rows: lists of texts, or of elements; a row with a key keeps its element. */
function fillTable(id, rows, empty) {
    const body = $(id).tBodies[0];
    while (body.rows.length > Math.max(rows.length, rows.length === 0 ? 1 : 0)) body.deleteRow(-1);
    if (rows.length === 0) {
        const cell = make('td', { colspan: String($(id).tHead.rows[0].cells.length), class: 'muted', text: empty });
        body.replaceChildren(make('tr', {}, cell));
        return;
    }
    rows.forEach((cells, i) => {
        let row = body.rows[i];
        if (row === undefined || row.cells.length !== cells.length) {
            const made = make('tr', {}, ...cells.map((_, k) => make(k === 0 ? 'th' : 'td', { scope: k === 0 ? 'row' : null, class: $(id).tHead.rows[0].cells[k].className || null })));
            if (row === undefined) body.append(made);
            else row.replaceWith(made);
            row = made;
        }
        cells.forEach((cell, k) => {
            if (typeof cell === 'string') say(row.cells[k], cell);
            else if (row.cells[k].firstChild !== cell) row.cells[k].replaceChildren(cell);
        });
    });
}

/* ---- numbers ---- */

const numbers = ['Requests/s', 'Failed', 'Median', '99 %', 'In flight', 'Clients', 'Workers', 'Revision'].map((name) => {
    const value = make('dd', { text: '–' });
    $('numbers').append(make('div', {}, make('dt', { text: name }), value));
    return value;
});
let stats = null;

function tellNumbers() {
    const s = samples[1];
    if (s !== null) {
        const n = Math.min(5, s.requests.length);
        const sum = (list) => list.slice(-n).reduce((a, b) => a + b, 0);
        const all = sum(s.requests);
        const latency = s.latency.slice(-10);
        const half = quantile(latency, s.latency_below_us, 0.5);
        const most = quantile(latency, s.latency_below_us, 0.99);
        say(numbers[0], short(n === 0 ? 0 : all / n));
        say(numbers[1], all === 0 ? '0 %' : ((100 * sum(s.failed)) / all).toFixed(1) + ' %');
        numbers[1].dataset.kind = sum(s.failed) > 0 ? 'bad' : '';
        say(numbers[2], half === null ? '–' : micro(half));
        say(numbers[3], most === null ? '–' : micro(most));
    }
    if (stats === null) return;
    say(numbers[4], count(stats.in_flight));
    say(numbers[5], count(stats.connections.client_open));
    say(numbers[6], String(stats.workers));
    say(numbers[7], count(stats.revision));
}

async function loadHealth() {
    const h = await get('/health');
    say($('health'), h.status === 'ok' ? 'serving' : h.status.replace('_', ' '));
    $('health').dataset.kind = h.status === 'ok' || h.status === 'witness' ? 'good' : 'bad';
}

/* ---- pools ---- */

let pools = [];
const poolLines = new Map();
const poolSparks = new Map();
const poolTroubles = new Map(); /* servers that are not active */
const poolsShown = 200, poolsLooked = 30, linesMax = 64;

async function loadPools() {
    pools = (await get('/pools')).pools;
    if (!pools.some((p) => p.name === pool)) choosePool('default');
    tellPools();
}

async function lookAtPool(name) {
    const troubled = states.filter((s) => s !== 'active').join(',');
    const page = await get(`${poolPath(name)}?state=${troubled}&limit=1000&fields=id`);
    poolTroubles.set(name, page.next === undefined ? String(page.servers.length) : 'over 1000');
    tellPools();
}

function lookAtPools() {
    return Promise.all(pools.slice(0, poolsLooked).map((p) => lookAtPool(p.name)));
}

function poolRow(p) {
    if (!poolSparks.has(p.name)) {
        const sparks = [makeSpark('requests'), makeSpark('errors'), makeSpark('latency')];
        const button = make('button', { type: 'button', class: 'link', text: p.name, onclick: () => { choosePool(p.name); tellPools(); } });
        poolSparks.set(p.name, { sparks, button, cells: sparks.map((s) => make('span', { class: 'spark-cell' }, ...s.cell)) });
    }
    const { sparks, button, cells } = poolSparks.get(p.name);
    const line = poolLines.get(p.name);
    button.setAttribute('aria-pressed', String(p.name === pool));
    drawLine(sparks, line);
    const rate = line && line.requests.length > 0 ? short(line.requests[line.requests.length - 1] / 10) : '0';
    return [button, count(p.servers), poolTroubles.get(p.name) || '–', rate, line ? count(line.in_flight) : '0', ...cells];
}

function tellPools() {
    fillTable('pools', pools.slice(0, poolsShown).map(poolRow), 'none');
    say($('pools-note'), pools.length > poolsShown ? `the first ${poolsShown} of ${count(pools.length)}` : '');
}

/* The small lines of what is in sight. */
async function loadLines() {
    const ids = idsInSight().slice(0, linesMax);
    const names = pools.slice(0, linesMax).map((p) => encodeURIComponent(p.name));
    let query = 'servers=' + ids.join(',');
    if (query.length + names.join(',').length < 900) query += '&pools=' + names.join(',');
    const found = await get('/stats/samples?' + query);
    for (const line of found.servers) lines.set(line.id, line);
    for (const line of found.pools) poolLines.set(line.name, line);
    plan();
    tellPools();
}

/* ---- workers, members, virtual IPs, certificates ---- */

let members = [];

async function loadWorkers() {
    const w = await get('/workers');
    fillTable('workers', w.workers.map((x) => [String(x.id), x.state, x.pid === null ? '–' : String(x.pid), count(x.connections), count(x.in_flight), count(x.restarts)]), 'none: a witness');
}

async function loadMembers() {
    const c = await get('/cluster');
    members = c.members;
    say($('members-note'), `${c.role}, term ${c.term}` + (c.warning ? '; ' + c.warning : ''));
    fillTable('members', c.members.map((m) => [m.id + (m.is_self ? ' (this node)' : ''), m.role, m.lag === null ? '–' : count(m.lag), m.is_self ? 'now' : m.last_contact_ms === null ? 'never' : (m.last_contact_ms / 1000).toFixed(1) + ' s ago', m.version]), 'this node is alone');
    const self = c.members.find((m) => m.is_self);
    say($('node'), location.host + (self ? ' · ' + self.id : ''));
}

const vipButtons = new Map();

async function loadVips() {
    const { vips } = await get('/vips');
    fillTable('vips', vips.map((v) => {
        if (!vipButtons.has(v.address)) vipButtons.set(v.address, make('button', { type: 'button', text: 'Move' }));
        const button = allow(vipButtons.get(v.address));
        button.setAttribute('aria-label', 'Move ' + v.address);
        button.onclick = () => moveVip(v, members, loadVips).catch(complain);
        return [v.address, v.state + (v.why ? ': ' + v.why : ''), v.is_self ? 'this node' : v.holder || 'nobody', v.since ? ago(v.since) : '–', button];
    }), 'none are described');
}

async function loadCertificates() {
    const { certificates } = await get('/certificates');
    certificates.sort((a, b) => a.days_left - b.days_left);
    fillTable('certificates', certificates.slice(0, 200).map((c) => [c.name, c.names.join(', '), count(c.days_left), c.warning || '']), 'none');
    for (const row of $('certificates').tBodies[0].rows) row.dataset.kind = row.cells.length > 2 && Number(row.cells[2].textContent) < 14 ? 'bad' : '';
}

/* ---- events and failures ---- */

const eventsMax = 200;
const failing = new Set(['server_cut', 'worker_ended', 'vip_conflict', 'pool_fail_open', 'upgrade_failed', 'quorum_lost', 'node_halted', 'server_overruled']);

function eventText(e) {
    const what = e.server || e.address || e.listener || e.pool || (e.worker !== undefined ? 'worker ' + e.worker : '') || e.certificate || e.member || '';
    const move = e.to ? ` ${e.from ? e.from + ' → ' : ''}${e.to}` : '';
    const by = e.by ? ` by ${e.by.token || e.by.address}` : '';
    return `${what ? ' ' + what : ''}${move}${e.reason ? ': ' + e.reason : ''}${by}`;
}

function eventItem(e) {
    return make('li', { 'data-kind': isFailure(e) ? 'bad' : null }, make('time', { datetime: e.at, text: clock(Date.parse(e.at)) }), ' ', make('b', { text: e.kind.replaceAll('_', ' ') }), eventText(e));
}

function isFailure(e) {
    return failing.has(e.kind) || (e.kind === 'server_state' && (e.to === 'down' || e.to === 'ejected'));
}

function addTo(list, items) {
    list.prepend(...items.reverse());
    while (list.children.length > eventsMax) list.lastChild.remove();
}

let held = [];

function tellEvents(events) {
    held.push(...events);
    addTo($('failures'), events.filter(isFailure).map(eventItem));
    $('failures-none').hidden = $('failures').children.length > 0;
    if ($('events-hold').checked) return;
    addTo($('events'), held.slice(-eventsMax).map(eventItem));
    held = [];
}

/* ---- how requests end ---- */

let firstResults = null;
let countingSince = '';
const results = new Map(); /* word: {n, at} */
let meanings = null;
const fine = new Set(['ok', 'redirect', 'fixed']);

async function tellResults() {
    if (firstResults === null) firstResults = stats.results;
    else if (countingSince !== stats.counting_since) firstResults = {}; /* the node was started anew */
    countingSince = stats.counting_since;
    for (const [word, n] of Object.entries(stats.results)) {
        const more = n - (firstResults[word] || 0);
        const had = results.get(word);
        if (!fine.has(word) && more > 0 && (had === undefined || had.n !== more)) results.set(word, { n: more, at: Date.now() });
    }
    if (results.size > 0 && meanings === null) {
        meanings = {};
        meanings = (await get('/openapi.json')).components.schemas.Results.properties;
    }
    const rows = Array.from(results).sort((a, b) => b[1].at - a[1].at);
    fillTable('results', rows.map(([word, r]) => [word, ((meanings || {})[word] || {}).description || '', count(r.n), clock(r.at)]), 'none');
}

async function loadStats() {
    stats = await get('/stats');
    tellNumbers();
    await tellResults();
}
