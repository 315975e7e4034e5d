"use strict";
// Tells every autocomplete of the form which division and role have been chosen, so that it offers only what fits.
(function ($) {
    function chosen(name) {
        const field = document.getElementById("id_" + name);
        return field ? field.value : "";
    }
    $.ajaxPrefilter(function (options) {
        if (options.url.includes("/autocomplete/")) {
            const extra = new URLSearchParams({division: chosen("division"), role: chosen("role")});
            options.url += (options.url.includes("?") ? "&" : "?") + extra;
        }
    });
})(django.jQuery);
