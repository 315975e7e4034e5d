"""The sentences of Exact's business rules in the user's language.

English and Dutch sentences follow the reports listed in section 6 of the reference; German and French ones, and the
labels, are our own guesses in the same form, except where a report is named. A recorded answer would settle them.
"""

from __future__ import annotations

from connections.sandbox.exact.errors import Rule

LANGUAGES = ("en", "nl", "de", "fr")

# In the order of LANGUAGES.
SENTENCES: dict[str, tuple[str, str, str, str]] = {
    "mandatory": ("Mandatory: {field}", "Verplicht: {field}", "Obligatorisch: {field}", "Obligatoire : {field}"),
    "invalid": ("Invalid: {field}", "Ongeldig: {field}", "Ungültig: {field}", "Incorrect : {field}"),
    "reference": (
        "Invalid reference: {field}",
        "Ongeldige referentie: {field}",
        "Ungültiger Verweis: {field}",
        "Référence incorrecte : {field}",
    ),
    "duplicate": (
        "Data already exists",
        "Gegeven bestaat reeds.",
        "Daten existieren bereits.",
        "La donnée existe déjà.",
    ),
    "in_use": ("In use: {field}", "In gebruik: {field}", "In Gebrauch: {field}", "Utilisé : {field}"),
    "closed": (
        "Period is closed: {value}",
        "Periode is afgesloten: {value}",
        "Periode ist abgeschlossen: {value}",
        "La période est clôturée : {value}",
    ),
    "no_year": (
        "Unknown: Fiscal year (Period - date table)",
        "Onbekend: Boekjaar (Periode - datum tabel)",
        "Unbekannt: Geschäftsjahr (Periode - Datumstabelle)",
        "Inconnu : Exercice (Table période - date)",
    ),
    "year_fixed": (
        "The financial year cannot be changed.",
        "Het boekjaar kan niet worden gewijzigd.",
        "Das Geschäftsjahr kann nicht geändert werden.",
        "L'exercice ne peut pas être modifié.",
    ),
    "blocked": ("Blocked: {field}", "Geblokkeerd: {field}", "Gesperrt: {field}", "Bloqué : {field}"),
    "not_allowed": (
        "Not allowed: {field}",
        "Niet toegestaan: {field}",
        "Nicht zulässig: {field}",
        "Non autorisé : {field}",
    ),
    "processed": ("Already processed", "Reeds verwerkt", "Bereits verarbeitet", "Déjà traité"),
    "undeletable": (
        "Cannot delete: {field} - Used in: {value}",
        "Kan niet verwijderen: {field} - Gebruikt in: {value}",
        "Kann nicht gelöscht werden: {field} - Verwendet in: {value}",
        "Suppression impossible : {field} - Utilisé dans : {value}",
    ),
    # Reference: section 6, seen in English only.
    "callback": (
        "Invalid: Post to callback URL endpoint returns {value}",
        "Ongeldig: Post to callback URL endpoint returns {value}",
        "Ungültig: Post to callback URL endpoint returns {value}",
        "Incorrect : Post to callback URL endpoint returns {value}",
    ),
    "unbalanced": (
        "The entry is not in balance on: {value}",
        "De boeking is niet in evenwicht op: {value}",
        "Die Buchung ist nicht ausgeglichen: {value}",
        "L'écriture n'est pas équilibrée : {value}",
    ),
    "balances": (
        "Opening balance and lines do not add up to the closing balance. Difference: {value}",
        "Beginsaldo en regels sluiten niet aan op het eindsaldo. Verschil: {value}",
        "Anfangssaldo und Zeilen ergeben nicht den Endsaldo. Differenz: {value}",
        "Le solde d'ouverture et les lignes ne donnent pas le solde de clôture. Différence : {value}",
    ),
}

LABELS: dict[str, tuple[str, str, str, str]] = {
    "CallbackURL": ("Callback URL", "Callback-URL", "Callback-URL", "URL de rappel"),
    "Topic": ("Topic", "Onderwerp", "Thema", "Sujet"),
    "Account": ("Account", "Relatie", "Konto", "Relation"),
    "AccountType": ("Account (Type)", "Relatie (Type)", "Konto (Typ)", "Relation (Type)"),
    "AmountFC": ("Amount", "Bedrag", "Betrag", "Montant"),
    "BankEntryLines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "CashEntryLines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "City": ("City", "Plaats", "Ort", "Ville"),
    "Code": ("Code", "Code", "Code", "Code"),
    "Country": ("Country", "Land", "Land", "Pays"),
    "Email": ("Email", "E-mail", "E-Mail", "E-mail"),
    "Phone": ("Phone", "Telefoon", "Telefon", "Téléphone"),
    "Postcode": ("Postcode", "Postcode", "Postleitzahl", "Code postal"),
    "SearchCode": ("Search code", "Zoekcode", "Suchcode", "Code de recherche"),
    "VATNumber": ("VAT number", "Btw-nummer", "USt-IdNr.", "Numéro de TVA"),
    "CostCenter": ("Cost center", "Kostenplaats", "Kostenstelle", "Centre de coûts"),
    "CostUnit": ("Cost unit", "Kostendrager", "Kostenträger", "Unité d'œuvre"),
    "Currency": ("Currency", "Valuta", "Währung", "Devise"),
    "Customer": ("Customer", "Klant", "Kunde", "Client"),
    "CustomerType": ("Customer (Type)", "Klant (Type)", "Kunde (Typ)", "Client (Type)"),
    "Description": ("Description", "Omschrijving", "Beschreibung", "Description"),
    "Document": ("Document", "Document", "Dokument", "Document"),
    "Attachment": ("Attachment", "Bijlage", "Anhang", "Pièce jointe"),
    "FileName": ("File name", "Bestandsnaam", "Dateiname", "Nom de fichier"),
    "Subject": ("Subject", "Onderwerp", "Betreff", "Objet"),
    "Type": ("Type", "Type", "Typ", "Type"),
    "EntryNumber": ("Entry number", "Boekstuknummer", "Buchungsnummer", "Numéro d'écriture"),
    "Entry": ("Entry", "Boeking", "Buchung", "Écriture"),
    "GLAccount": ("G/L account", "Grootboekrekening", "Sachkonto", "Compte général"),
    "GeneralJournalEntryLines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "Journal": ("Journal", "Dagboek", "Journal", "Journal"),
    "JournalCode": ("Journal", "Dagboek", "Journal", "Journal"),
    "Item": ("Item", "Artikel", "Artikel", "Article"),
    "Supplier": ("Supplier", "Leverancier", "Lieferant", "Fournisseur"),
    "Warehouse": ("Warehouse", "Magazijn", "Lager", "Entrepôt"),
    "Order": ("Order", "Order", "Auftrag", "Commande"),
    "OrderID": ("Order", "Order", "Auftrag", "Commande"),
    "OrderedBy": ("Ordered by", "Besteld door", "Besteller", "Commandé par"),
    "QuotationID": ("Quotation", "Offerte", "Angebot", "Devis"),
    "QuotationLines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "SalesOrderLines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "JournalType": ("Journal (type)", "Dagboek (type)", "Journal (Typ)", "Journal (type)"),
    "Name": ("Name", "Naam", "Name", "Nom"),
    "OpeningBalanceFC": ("Opening balance", "Beginsaldo", "Anfangssaldo", "Solde d'ouverture"),
    "PaymentCondition": ("Payment condition", "Betalingsconditie", "Zahlungsbedingung", "Condition de paiement"),
    "Period": ("Period", "Periode", "Periode", "Période"),
    "Rate": ("Exchange rate", "Wisselkoers", "Wechselkurs", "Taux de change"),
    "SalesEntryLines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "Status": ("Status", "Status", "Status", "Statut"),
    "Transactions": ("Transactions", "Boekingen", "Buchungen", "Écritures"),
    "VATAmountFC": ("VAT amount", "Btw-bedrag", "MwSt.-Betrag", "Montant de TVA"),
    "VATCode": ("VAT code", "Btw-code", "MwSt.-Code", "Code TVA"),
}


def label(field: str, language: str) -> str:
    words = LABELS.get(field)
    return words[LANGUAGES.index(language)] if words else field


def sentence(rule: Rule, language: str) -> str:
    """What Exact says to a user of that language; unknown languages read English."""
    spoken = language if language in LANGUAGES else "en"
    text = SENTENCES[rule.kind][LANGUAGES.index(spoken)]
    said = text.format(field=label(rule.field, spoken), value=label(rule.value, spoken))
    return f"{said} [{rule.value}]" if rule.value and "{value}" not in text else said
