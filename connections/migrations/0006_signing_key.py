import connections.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connections', '0005_snowflake'),
    ]

    operations = [
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=20, unique=True)),
                ('public', models.CharField(max_length=64)),
                ('private', connections.fields.SealedTextField()),
                ('made_at', models.DateTimeField()),
            ],
        ),
    ]
