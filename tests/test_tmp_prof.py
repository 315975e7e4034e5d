from tests.journeys.test_crashes import *
def test_it(db):
    for g in GROUPINGS:
      with shop(sales_grouping=g) as world:
        for c in (crashing.before_commits, crashing.around_calls): print(boundaries(world,c))
