/* access.js - what this page may do, and the token if it needs one. GET /ui/access responds to everybody, so that nothing is
 * tried that would be refused. */

let access = 'none';
let granted = () => {};

/* The rest begins when the page may read. */
function onAccess(then) {
    granted = then;
}

/* Why nothing can be changed from here; '': it can. */
function whyNot() {
    return access === 'read' ? 'This token may only look: changes need one of the role admin.' : '';
}

/* What would be refused is not offered, and says why. */
function allow(button) {
    button.disabled = whyNot() !== '';
    button.title = whyNot();
    return button;
}

async function lookAtAccess() {
    const was = access;
    access = (await get('/ui/access')).access;
    document.body.dataset.access = access;
    say($('token-open'), token === '' ? 'Token' : 'Forget token');
    say($('may'), access === 'read' ? 'read only' : '');
    $('may').title = whyNot();
    if (access !== 'none' && was === 'none') granted();
    return access;
}

function askForToken(why) {
    say($('token-problem'), why || '');
    if (!$('token').open) $('token').showModal();
    $('token-text').focus();
}

$('token').querySelector('form').addEventListener('submit', async (e) => {
    e.preventDefault();
    token = $('token-text').value.trim();
    $('token-text').value = '';
    if (/[^\x21-\x7e]/.test(token)) token = '?';
    if ((await lookAtAccess()) === 'none') {
        token = '';
        askForToken('Weldr does not know this token.');
        return;
    }
    $('token').close();
});

$('token-open').addEventListener('click', () => {
    if (token !== '') location.reload(); /* which forgets all of it */
    else askForToken('');
});
