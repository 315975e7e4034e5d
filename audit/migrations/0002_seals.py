from django.db import migrations, models

from audit import guard


def install(apps, schema_editor):
    guard.install(schema_editor.connection.vendor, schema_editor.execute)


def remove(apps, schema_editor):
    guard.remove(schema_editor.connection.vendor, schema_editor.execute)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditArchive',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_seal', models.BigIntegerField(unique=True)),
                ('last_seal', models.BigIntegerField(unique=True)),
                ('count', models.IntegerField()),
                ('file', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('manifest', models.TextField()),
                ('signature', models.CharField(max_length=128)),
                ('archived_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='AuditVerification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('asked_by', models.CharField(max_length=150)),
                ('ended_at', models.DateTimeField(null=True)),
                ('touched_at', models.DateTimeField(null=True)),
                ('entries', models.BigIntegerField(default=0)),
                ('seal', models.BigIntegerField(default=0)),
                ('head', models.CharField(blank=True, max_length=64)),
                ('unsealed', models.BigIntegerField(default=0)),
                ('finding', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='SealedSpan',
            fields=[
                ('first', models.BigIntegerField(primary_key=True, serialize=False)),
                ('last', models.BigIntegerField()),
                ('seal_id', models.BigIntegerField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('sealed_at', models.DateTimeField()),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('count', models.IntegerField()),
                ('digests', models.BinaryField()),
                ('head', models.CharField(max_length=64, unique=True)),
            ],
            options={
                'verbose_name': 'seal',
                'ordering': ['-number'],
                'permissions': [('verify_auditseal', 'Can verify the audit trail')],
                'indexes': [models.Index(fields=['last_at'], name='seal_last_at')],
            },
        ),
        migrations.RunPython(install, remove),
    ]
