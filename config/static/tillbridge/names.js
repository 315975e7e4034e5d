"use strict";
// Gives every autocomplete the name of its field: the box that select2 draws has none of its own while it is empty.
(function ($) {
    $(function () {
        document.querySelectorAll("select.admin-autocomplete").forEach((field) => {
            const box = document.getElementById(`select2-${field.id}-container`);
            const label = document.querySelector(`label[for="${field.id}"]`);
            if (box && label) { box.setAttribute("aria-label", label.textContent.replace(/:\s*$/, "")); }
        });
    });
})(django.jQuery);
