/* servers.js - the servers of one pool as a list that may have 10,000 rows: only those in sight are elements. It is loaded once;
 * from then on events tell what changes, and what was not told in one is asked for. */

const states = ['down', 'ejected', 'initial', 'draining', 'maintenance', 'standby', 'active'];
const serverFields = 'id,url,state,reason,since,weight,admin';
const pageRows = 1000;
const dirtyMax = 25;

let pool = 'default';
let servers = new Map(); /* by id, in the order of the API */
let shown = [];          /* those that pass the filter, in the order that is wished */
let loading = 0;         /* counts loads: an older one gives up */
let active = null;       /* id of the row that keys act on */
const lines = new Map(); /* by id: what GET /stats/samples said of those in sight */
const dirty = new Set();

const poolPath = (name) => `/pools/${encodeURIComponent(name)}/servers`;
const serverPath = (id) => `${poolPath(pool)}/${id}`;

/* ---- the list ---- */

async function loadServers() {
    const mine = ++loading;
    const next = new Map();
    const path = `${poolPath(pool)}?limit=${pageRows}&fields=${serverFields}`;
    dirty.clear();
    for (let cursor = ''; cursor !== undefined;) {
        const page = await get(path + (cursor === '' ? '' : '&cursor=' + cursor));
        if (mine !== loading) return;
        for (const server of page.servers) next.set(server.id, server);
        cursor = page.next;
        if (cursor !== undefined) say($('servers-note'), `${count(next.size)} of ${count(page.total)} are loaded`);
    }
    servers = next;
    arrange();
}

function choosePool(name) {
    if (name === pool && servers.size > 0) return;
    pool = name;
    servers = new Map();
    active = null;
    lines.clear();
    $('grid').scrollTop = 0;
    arrange();
    loadServers().catch(complain);
}

function passes(server) {
    const only = $('only').value;
    const find = $('find').value.trim().toLowerCase();
    if (only !== '' && server.state !== only) return false;
    return find === '' || server.url.toLowerCase().includes(find) || (server.reason || '').toLowerCase().includes(find) || server.id === find;
}

const orders = {
    state: (a, b) => states.indexOf(a.state) - states.indexOf(b.state),
    since: (a, b) => (a.since < b.since ? 1 : a.since > b.since ? -1 : 0),
    url: (a, b) => a.url.localeCompare(b.url, 'en', { numeric: true }),
};

function arrange() {
    const compare = orders[$('order').value];
    shown = Array.from(servers.values()).filter(passes);
    if (compare !== undefined) shown.sort(compare);
    tellHowMany();
    $('grid').setAttribute('aria-rowcount', String(shown.length + 1));
    layOut();
}

function tellHowMany() {
    const counts = {};
    for (const s of servers.values()) counts[s.state] = (counts[s.state] || 0) + 1;
    const parts = states.filter((s) => counts[s] > 0).map((s) => `${count(counts[s])} ${s}`);
    say($('servers-title'), 'Servers of ' + pool);
    say($('servers-note'), servers.size === 0 ? 'none' : (shown.length < servers.size ? `${count(shown.length)} shown; ` : '') + parts.join(', '));
}

/* ---- rows ---- */

const rowElements = [];
let rowHeight = 34;
let firstRow = -1;
let planned = false;

function makeRow() {
    const sparks = [makeSpark('requests'), makeSpark('errors'), makeSpark('latency')];
    const cells = ['state', 'url', 'since', 'reason', 'n', 'n', '', '', ''].map((name, i) => {
        const cell = make('span', { role: 'gridcell', class: name || null });
        if (i >= 6) cell.append(...sparks[i - 6].cell);
        return cell;
    });
    const dot = make('i', { class: 'dot', 'aria-hidden': 'true' });
    const word = make('span');
    cells[0].append(dot, word);
    const e = make('div', { role: 'row', class: 'row' }, ...cells);
    const row = { e, cells, word, sparks, server: null };
    e.addEventListener('click', () => { if (row.server !== null) { setActive(row.server.id); openServer(row.server); } });
    return row;
}

function fillRow(row, server, index) {
    const line = lines.get(server.id);
    row.server = server;
    row.e.id = 'row-' + server.id;
    row.e.setAttribute('aria-rowindex', String(index + 2));
    row.e.style.transform = `translateY(${index * rowHeight}px)`;
    row.e.classList.toggle('active', server.id === active);
    row.e.dataset.state = server.state;
    say(row.word, server.state);
    say(row.cells[1], server.url.replace(/^http:\/\//, ''));
    say(row.cells[2], ago(server.since));
    say(row.cells[3], server.reason || '');
    row.cells[3].title = server.reason || '';
    say(row.cells[4], String(server.weight));
    say(row.cells[5], line ? count(line.in_flight) : '–');
    drawLine(row.sparks, line);
}

/* Rows are used again for others as the list scrolls: row i of the list is always in the same element. */
function layOut() {
    const grid = $('grid');
    const narrow = grid.clientWidth < 640;
    rowHeight = narrow ? 66 : 34;
    grid.classList.toggle('narrow', narrow);
    grid.style.height = Math.min(480, Math.max(3, shown.length) * rowHeight + 36) + 'px';
    $('rows').style.height = shown.length * rowHeight + 'px';
    const inSight = Math.ceil(grid.clientHeight / rowHeight) + 6;
    while (rowElements.length < inSight) {
        rowElements.push(makeRow());
        $('rows').append(rowElements[rowElements.length - 1].e);
    }
    firstRow = Math.max(0, Math.min(Math.floor(grid.scrollTop / rowHeight) - 2, shown.length - 1));
    const n = rowElements.length;
    for (let k = 0; k < n; k++) {
        const index = firstRow + ((k - (firstRow % n) + n) % n);
        const server = shown[index];
        rowElements[k].e.hidden = server === undefined;
        if (server === undefined) rowElements[k].server = null;
        else fillRow(rowElements[k], server, index);
    }
    if (active !== null && document.getElementById('row-' + active)) grid.setAttribute('aria-activedescendant', 'row-' + active);
    else grid.removeAttribute('aria-activedescendant');
}

function plan() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => { planned = false; layOut(); });
}

function idsInSight() {
    return rowElements.filter((row) => row.server !== null).map((row) => row.server.id);
}

/* ---- keys ---- */

function setActive(id) {
    active = id;
    plan();
}

function moveTo(index) {
    if (shown.length === 0) return;
    const grid = $('grid');
    const at = Math.max(0, Math.min(index, shown.length - 1));
    const top = at * rowHeight;
    const head = grid.querySelector('.head').offsetHeight;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + rowHeight + head > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + rowHeight + head - grid.clientHeight;
    setActive(shown[at].id);
}

$('grid').addEventListener('keydown', (e) => {
    const at = shown.findIndex((s) => s.id === active);
    const page = Math.max(1, Math.floor($('grid').clientHeight / rowHeight) - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.length - 1 }[e.key];
    if (to !== undefined) {
        e.preventDefault();
        moveTo(to);
    } else if (e.key === 'Enter' && at >= 0) {
        e.preventDefault();
        openServer(shown[at]);
    }
});
$('grid').addEventListener('scroll', plan, { passive: true });
new ResizeObserver(plan).observe($('grid'));
$('only').append(...states.map((s) => make('option', { value: s, text: s })));
for (const [id, event] of [['find', 'input'], ['only', 'change'], ['order', 'change']])
    $(id).addEventListener(event, () => { $('grid').scrollTop = 0; arrange(); });

/* ---- what events tell ---- */

let flushing = null;

async function flush() {
    const ids = Array.from(dirty);
    const mine = loading;
    dirty.clear();
    flushing = null;
    if (ids.length > dirtyMax) {
        await loadServers();
        return;
    }
    const found = await Promise.all(ids.map((id) => get(serverPath(id)).catch(() => null)));
    if (mine !== loading) return;
    for (const server of found) if (server !== null && server.pool === pool) servers.set(server.id, server);
    arrange();
}

function wantServer(id) {
    dirty.add(id);
    if (flushing === null) flushing = setTimeout(() => flush().catch(complain), dirty.size > dirtyMax ? 2000 : 150);
}

let arranging = null;

function arrangeSoon() {
    if (arranging === null) arranging = setTimeout(() => { arranging = null; arrange(); }, 100);
}

function hearOfServer(event) {
    const server = servers.get(event.server_id);
    if (event.pool !== pool) return;
    if (event.kind === 'server_added' || event.kind === 'server_changed' || (server === undefined && event.kind === 'server_state')) {
        wantServer(event.server_id);
    } else if (server !== undefined && event.kind === 'server_state') {
        Object.assign(server, { state: event.to, reason: event.reason || null, since: event.at });
        arrangeSoon();
    } else if (server !== undefined && event.kind === 'server_removed') {
        Object.assign(server, { state: 'draining', leaves: true });
        arrangeSoon();
    } else if (server !== undefined && server.leaves && event.kind === 'server_drained') {
        servers.delete(event.server_id);
        arrangeSoon();
    }
}
