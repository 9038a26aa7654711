/* actions.js - what changes something. Each change is tried first (?dry_run=true), what Weldr says of it is shown, and a person
 * confirms it. */

let confirmed = null; /* what is done at a yes */

function complain(error) {
    say($('link'), error instanceof Problem ? error.message : 'no answer: ' + error.message);
    $('link').dataset.kind = 'bad';
    if (error instanceof Problem && error.status === 401) {
        access = 'none';
        askForToken('Weldr asks for a token again.');
    }
}

function effectOf(wish) {
    const pairs = [['Change', wish.change]];
    for (const key of ['added', 'changed', 'removed'])
        if (wish[key] && wish[key].length > 0) pairs.push([key[0].toUpperCase() + key.slice(1), wish[key].slice(0, 20).join(', ')]);
    if (wish.traffic_moved_percent !== undefined) pairs.push(['Traffic that moves to other servers', wish.traffic_moved_percent + ' %']);
    if (wish.total !== undefined) pairs.push(['Servers of the pool then', count(wish.total)]);
    return pairs;
}

function withKey(path, key) {
    return path + (path.includes('?') ? '&' : '?') + key;
}

/* change: {title, method, path, body}; more: facts that this page knows. */
async function tryChange(change, more) {
    say($('confirm-problem'), '');
    $('confirm-yes').disabled = true;
    facts($('confirm-effect'), []);
    try {
        const wish = await ask(change.method, withKey(change.path, 'dry_run=true'), change.body);
        facts($('confirm-effect'), effectOf(wish).concat(more));
        $('confirm-yes').disabled = access !== 'admin';
        if (access !== 'admin') say($('confirm-problem'), 'This token may only read.');
    } catch (error) {
        say($('confirm-problem'), error.message);
    }
}

function confirmChange(change, more, after) {
    say($('confirm-title'), change.title);
    say($('confirm-yes'), change.yes);
    $('confirm-input').replaceChildren();
    confirmed = async () => {
        await ask(change.method, change.path, change.body);
        await after();
    };
    if (!$('confirm').open) $('confirm').showModal();
    return tryChange(change, more);
}

$('confirm').querySelector('form').addEventListener('submit', async (e) => {
    e.preventDefault();
    if ($('confirm-yes').disabled || confirmed === null) return;
    $('confirm-yes').disabled = true;
    try {
        await confirmed();
        confirmed = null;
        $('confirm').close();
    } catch (error) {
        say($('confirm-problem'), error.message);
    }
});

/* The button that opened it may be another one now. */
$('confirm').addEventListener('close', () => {
    const first = $('server-actions').firstElementChild;
    if (document.activeElement === document.body && $('server').open && first !== null) first.focus();
});

/* ---- a server ---- */

let opened = null; /* id of the server in the dialog */
let offered = '';   /* what its actions were made for */

function serverFacts(s) {
    const check = s.last_check;
    const result = check === null ? 'none yet' : `${check.ok ? 'passed' : check.error || 'failed'}, ${ago(check.at)} ago, ${check.ms} ms`;
    return [
        ['State', s.state + (s.reason ? ': ' + s.reason : '')], ['Since', stamp(s.since)], ['Weight', String(s.weight)],
        ['In flight', count(s.in_flight)], ['Responses, failures', `${count(s.success)}, ${count(s.failed)}`], ['Last check', result],
        ['Addresses', s.addresses.map((a) => `${a.address} ${a.state}`).join(', ') || 'none found'], ['Administration', s.admin],
    ];
}

function serverActions(s, path) {
    const again = async () => { wantServer(s.id); await showServer(s.id); };
    const known = [['In flight now', count(s.in_flight)]];
    const button = (text, then) => allow(make('button', { type: 'button', text, onclick: () => then().catch(complain) }));
    const post = (word, title, yes) => button(title, () => confirmChange({ title: `${title}: ${s.url}`, yes, method: 'POST', path: `${path}/${word}` }, known, again));
    const stand = s.admin === 'enabled' ? [post('drain', 'Drain', 'Drain it'), post('maintenance', 'Maintenance', 'Take it out')] : [post('resume', 'Resume', 'Resume it')];
    return stand.concat(button('Weight', () => askWeight(s, path, again)));
}

/* Made anew only when they are others: who is about to press one still finds it. */
function offerActions(s, path) {
    const now = [s.id, s.admin, s.weight, s.in_flight, access].join();
    if (now === offered) return;
    offered = now;
    const at = Array.from($('server-actions').children).indexOf(document.activeElement);
    $('server-actions').replaceChildren(...serverActions(s, path));
    say($('server-why'), whyNot());
    if (at >= 0) $('server-actions').children[Math.min(at, $('server-actions').children.length - 1)].focus();
}

async function showServer(id) {
    const path = serverPath(id);
    const [s, past] = await Promise.all([get(path), get(path + '/history')]);
    if (opened !== id) return;
    const list = make('dl', { class: 'facts' });
    facts(list, serverFacts(s));
    say($('server-title'), s.url);
    $('server-body').replaceChildren(list, make('h3', { text: 'Last transitions' }), past.history.length === 0 ? make('p', { class: 'muted', text: 'none' }) : make('ol', { class: 'feed' },
        ...past.history.slice(0, 8).map((h) => make('li', {}, make('time', { text: stamp(h.at) }), ` ${h.from} → ${h.to}: ${h.reason}`))));
    offerActions(s, path);
}

/* As long as it is open it shows what is so now. */
async function showOpened() {
    if (opened === null) return;
    try {
        await showServer(opened);
    } catch (error) {
        if (!(error instanceof Problem) || error.status !== 404) throw error;
        $('server-body').replaceChildren(make('p', { class: 'problem', text: 'This server has been removed.' }));
        $('server-actions').replaceChildren();
    }
}

async function askWeight(s, path, after) {
    const input = make('input', { type: 'number', min: '0', max: '65535', value: String(s.weight), required: true, id: 'weight' });
    const change = { title: 'Weight: ' + s.url, yes: 'Set it', method: 'PATCH', path, body: { weight: s.weight } };
    const shown = confirmChange(change, [], after);
    $('confirm-input').replaceChildren(make('label', { for: 'weight', text: 'Weight ' }), input);
    input.addEventListener('input', () => {
        change.body.weight = Number(input.value);
        tryChange(change, []).catch(complain);
    });
    input.focus();
    await shown;
}

function openServer(server) {
    opened = server.id;
    offered = '';
    say($('server-title'), server.url);
    $('server-body').replaceChildren();
    $('server-actions').replaceChildren();
    say($('server-why'), '');
    $('server').showModal();
    showServer(server.id).catch((error) => { $('server-body').replaceChildren(make('p', { class: 'problem', text: error.message })); });
}

$('server').addEventListener('close', () => { opened = null; $('grid').focus({ preventScroll: true }); });

/* ---- a virtual IP ---- */

function moveVip(vip, members, after) {
    const path = `/vips/${vip.address}/move`;
    const others = members.filter((m) => m.id !== vip.holder && m.role !== 'witness');
    const select = make('select', { id: 'vip-to' }, make('option', { value: '', text: 'whoever is fit' }), ...others.map((m) => make('option', { value: m.id, text: `${m.id} ${m.role}${m.is_self ? ' (this node)' : ''}` })));
    const change = { title: 'Move ' + vip.address, yes: 'Move it', method: 'POST', path, body: {} };
    const known = () => [['From', vip.holder || 'nobody'], ['To', select.value || 'whoever is fit']];
    const shown = confirmChange(change, known(), after);
    $('confirm-input').replaceChildren(make('label', { for: 'vip-to', text: 'To ' }), select);
    select.addEventListener('change', () => {
        change.body = select.value === '' ? {} : { to: select.value };
        tryChange(change, known()).catch(complain);
    });
    return shown;
}

/* ---- explain ---- */

function tellExplanation(x) {
    const rule = x.rule ? `${x.rule.priority}${x.rule.name ? ' ' + x.rule.name : ''} (${x.rule.id})` : 'none: the default action';
    const pairs = [['Listener', x.listener], ['Rule', rule], ['Action', x.action]];
    for (const over of x.passed_over || []) pairs.push(['Passed over', `rule ${over.priority}: ${over.does_not_hold} does not hold`]);
    if (x.pool) pairs.push(['Pool', x.pool], ['Usable servers', String(x.usable) + (x.fail_open ? ', all are down: it fails open' : '')]);
    for (const s of (x.servers || []).slice(0, 12)) pairs.push(['Server', `${s.url} ${s.state}`]);
    if (x.wait) pairs.push(['Has to wait', `${x.wait.reason}; ${x.wait.outcome}`]);
    if (x.status) pairs.push(['Status', String(x.status)]);
    if (x.location) pairs.push(['Location', x.location]);
    return pairs;
}

async function openExplain() {
    const names = (await get('/listeners')).listeners.map((l) => l.name);
    $('explain-listener').replaceChildren(...names.map((name) => make('option', { value: name, text: name })));
    facts($('explain-out'), []);
    say($('explain-problem'), '');
    if (!$('explain').open) $('explain').showModal();
}

$('explain-open').addEventListener('click', () => openExplain().catch(complain));
$('explain').querySelector('form').addEventListener('submit', async (e) => {
    e.preventDefault();
    const asked = ['listener', 'method', 'host', 'path'].map((key) => [key, $('explain-' + key).value.trim()]).filter(([, value]) => value !== '');
    const query = asked.map(([key, value]) => key + '=' + encodeURIComponent(value)).join('&');
    try {
        say($('explain-problem'), '');
        facts($('explain-out'), tellExplanation(await get('/explain?' + query)));
    } catch (error) {
        facts($('explain-out'), []);
        say($('explain-problem'), error.message);
    }
});
