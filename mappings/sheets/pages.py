"""Upload and download on the lists of mappings, and the page of each import: preview, progress, confirm, undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.response import HttpResponseBadRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from audit import adminkit, trail, words
from audit.adminkit import CannotDo, ConfirmedAction, DetailAdmin, Outcome, admin_url, badge, local_time, number
from audit.trail import Fact
from connections import clock
from mappings.sheets import work, writing
from mappings.sheets.applying import Impossible
from mappings.sheets.columns import SUBJECTS
from mappings.sheets.models import SheetImport, State, Verdict
from mappings.sheets.reading import LARGEST_FILE

TONES = {
    State.UPLOADED: "busy", State.CHECKING: "busy", State.CHECKED: "wait", State.WRONG: "bad", State.APPLYING: "busy",
    State.APPLIED: "good", State.UNDOING: "busy", State.UNDONE: "quiet", State.REFUSED: "bad",
}  # fmt: skip
PER_PAGE = 100
COUNTS = ("lines", "new", "changed", "unchanged", "wrong")

adminkit.add_subject("sheetimport", SheetImport)
words.add(
    {
        "import.uploaded": "spreadsheet uploaded",
        "import.checking": "spreadsheet being checked",
        "import.checked": "spreadsheet checked",
        "import.wrong": "spreadsheet has wrong lines",
        "import.applying": "import confirmed",
        "import.applied": "import written",
        "import.undoing": "import being undone",
        "import.undone": "import undone",
        "import.refused": "import refused",
        "mappings.exported": "mappings exported",
    }
)


class UploadForm(forms.Form):
    file = forms.FileField(
        label="Spreadsheet", help_text="CSV (UTF-8) or XLSX with the columns of an export. Nothing is written yet.",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,text/csv"}),
    )  # fmt: skip

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(f"The file is larger than {LARGEST_FILE // 1024 // 1024} MB. Split it.")
        return file


class SheetPages:
    """For the admin of a mapping that can be imported and exported."""

    change_list_template: Any = "admin/mappings/change_list.html"

    @property
    def subject(self) -> str:
        return str(self.opts.model_name)  # type: ignore[attr-defined]

    def may(self, request: HttpRequest, verb: str) -> bool:
        return self.subject in SUBJECTS and request.user.has_perm(f"mappings.{verb}_{self.subject}")

    def get_urls(self) -> list[URLPattern]:
        site, name = self.admin_site, f"mappings_{self.subject}"  # type: ignore[attr-defined]
        own = [
            path("import/", site.admin_view(self.import_view), name=f"{name}_import"),
            path("export/", site.admin_view(self.export_view), name=f"{name}_export"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, extra_context: Mapping[str, Any] | None = None) -> HttpResponse:
        name = f"admin:mappings_{self.subject}"
        context = {
            "import_url": reverse(f"{name}_import") if self.may(request, "import") else "",
            "export_url": reverse(f"{name}_export") if self.may(request, "export") else "",
        }
        page: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})  # type: ignore[misc]
        return page

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may(request, "import"):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            by = request.user.get_username()
            try:
                sheet = work.upload(self.subject, name=str(file.name), content=file.read(), by=by)
            except Impossible as refusal:
                messages.error(request, str(refusal))
                return HttpResponseRedirect(request.path)
            return HttpResponseRedirect(admin_url(SheetImport, sheet.pk))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": f"Import {self.opts.verbose_name_plural}",  # type: ignore[attr-defined]
            "opts": self.opts, "form": form,  # type: ignore[attr-defined]
            "columns": [(field.column_name, name in SUBJECTS[self.subject].key) for name, field in
                        SUBJECTS[self.subject].fields.items()],
        }  # fmt: skip
        return TemplateResponse(request, "admin/mappings/import.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The filtered list as a file. POST, because the trail keeps that it was asked for."""
        if not self.may(request, "export"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form, asked = request.POST.get("form", "csv"), request.GET.urlencode()
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)  # type: ignore[attr-defined]
            name = f"{self.opts.verbose_name_plural}-{clock.now():%Y%m%d}".replace(" ", "-").lower()  # type: ignore[attr-defined]
            answer = writing.download(SUBJECTS[self.subject], rows.order_by("pk"), form=form, name=name)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("The list has no such filter.", content_type="text/plain; charset=utf-8")
        except ValueError as unknown:
            return HttpResponseBadRequest(str(unknown), content_type="text/plain; charset=utf-8")
        detail = {"of": self.subject, "form": form, "filter": asked}
        trail.record([Fact("mappings.exported", self.subject, None, self.subject, detail=detail)], at=clock.now())
        return answer


def _apply(request: HttpRequest, rows: QuerySet[SheetImport], reason: str) -> Outcome:  # noqa: ARG001
    return _each(request, rows, "import", lambda sheet, by: work.confirm(sheet, by=by))


def _undo(request: HttpRequest, rows: QuerySet[SheetImport], reason: str) -> Outcome:  # noqa: ARG001
    return _each(request, rows, "import", lambda sheet, by: work.undo(sheet, by=by))


def _each(request: HttpRequest, rows: QuerySet[SheetImport], verb: str, act: Any) -> Outcome:
    sheet = rows.get()
    if not request.user.has_perm(f"mappings.{verb}_{sheet.subject}"):
        raise PermissionDenied
    try:
        act(sheet, request.user.get_username())
    except Impossible as refusal:
        raise CannotDo(str(refusal)) from None
    return Outcome(done=1, sentence=sheet.sentence or "A worker goes on with it; this page shows how far it is.")


VERBS = (
    ConfirmedAction(
        "apply", "Write these changes", "Every line that is new or changed is written as the preview shows. If any "
        "mapping has been changed since the preview, nothing is.", "mappings.view_sheetimport", _apply, "written",
        reversible="Yes: 'Undo this import' puts each mapping back.",
        applies=lambda sheet: sheet.state == State.CHECKED and sheet.new + sheet.changed > 0, on_list=False,
    ),
    ConfirmedAction(
        "undo", "Undo this import", "Each mapping becomes what it was before. One that the import made is ignored from "
        "then on, since entries may have been booked by it.", "mappings.view_sheetimport", _undo, "undone",
        reversible="Upload the file again.", applies=lambda sheet: sheet.state == State.APPLIED, on_list=False,
    ),
)  # fmt: skip


@admin.register(SheetImport)
class SheetImportAdmin(DetailAdmin):
    list_display = ("file_name", "subject", "state_shown", "what", "uploaded_by", "uploaded")
    list_display_links = ("file_name",)
    list_filter = ("subject", "state")
    confirmed_actions = VERBS
    detail_template = "admin/mappings/sheetimport.html"
    empty = "Nothing has been imported yet. 'Import' on a list of mappings begins one."

    def get_queryset(self, request: HttpRequest) -> QuerySet[SheetImport]:
        rows: QuerySet[SheetImport] = super().get_queryset(request)
        return rows.defer("content")

    @admin.display(description="state")
    def state_shown(self, sheet: SheetImport) -> SafeString:
        return badge(sheet.state, TONES[State(sheet.state)])

    @admin.display(description="what happened")
    def what(self, sheet: SheetImport) -> str:
        return sheet.sentence

    @admin.display(description="uploaded", ordering="uploaded_at")
    def uploaded(self, sheet: SheetImport) -> SafeString:
        return local_time(sheet.uploaded_at)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:sheet_id>/progress/", view, name="mappings_sheetimport_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest, sheet_id: int) -> HttpResponse:
        return JsonResponse(_progress(self._row(request, str(sheet_id))))

    def detail(self, request: HttpRequest, row: SheetImport) -> Mapping[str, Any]:
        rows = row.rows.filter(verdict=Verdict.WRONG) if row.wrong else row.rows.all()
        page = Paginator(rows.order_by("id"), PER_PAGE).get_page(request.GET.get("page"))
        return {
            "sheet": row,
            "badge": badge(row.state, TONES[State(row.state)]),
            "progress": _progress(row),
            "progress_url": reverse("admin:mappings_sheetimport_progress", args=[row.pk]) if row.is_open else "",
            "page": page,
            "lines": [_line(line) for line in page],
            "counts": [
                (number(getattr(row, name)), name) for name in ("lines", "new", "changed", "unchanged", "wrong")
            ],
            "list_url": reverse(f"admin:mappings_{row.subject}_changelist"),
        }


def _progress(sheet: SheetImport) -> dict[str, Any]:
    whole = sheet.new + sheet.changed
    percent = None if sheet.state in {State.UPLOADED, State.CHECKING} or not whole else 100 * sheet.done // whole
    sentence = sheet.sentence if not sheet.is_open else f"{sheet.state}: {number(sheet.done)} lines done"
    return {"is_over": not sheet.is_open, "percent": percent, "texts": {"sentence": sentence}}


def _line(line: Any) -> dict[str, Any]:
    changes: Sequence[tuple[str, str, str]] = [
        (name, line.before.get(name, ""), value) for name, value in line.after.items() if line.before or value
    ]
    return {
        "number": line.line,
        "verdict": line.verdict,
        "key": line.key,
        "changes": changes,
        "problems": line.problems,
    }
