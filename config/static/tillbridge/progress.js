"use strict";
// Refreshes the live part of a run's page every two seconds (five while the tab is hidden), until the run has ended.
(function () {
    const part = document.querySelector("[data-progress-url]");
    if (!part) { return; }
    const bar = part.querySelector("progress");
    const spoken = part.querySelector("[data-progress-spoken]");
    let lastTenth = -1;

    function show(state) {
        for (const [name, text] of Object.entries(state.texts)) {
            part.querySelectorAll(`[data-progress="${name}"]`).forEach((place) => { place.textContent = text; });
        }
        if (bar && state.percent === null) {
            bar.removeAttribute("value");
        } else if (bar) {
            bar.value = state.percent;
        }
        const tenth = state.percent === null ? -1 : Math.floor(state.percent / 10);
        if (spoken && (tenth !== lastTenth || state.is_over)) {
            spoken.textContent = state.texts.sentence;
            lastTenth = tenth;
        }
    }

    async function look() {
        try {
            const answer = await fetch(part.dataset.progressUrl, {headers: {"Accept": "application/json"}});
            if (answer.ok && !answer.redirected) {
                const state = await answer.json();
                show(state);
                if (state.is_over) { window.location.reload(); return; }
            }
        } catch (unreachable) {
            part.querySelectorAll('[data-progress="sentence"]').forEach((place) => {
                place.textContent = "This page cannot reach Tillbridge at the moment; it keeps trying.";
            });
        }
        window.setTimeout(look, document.hidden ? 5000 : 2000);
    }

    window.setTimeout(look, 2000);
})();
