import time, pytest
from connections.sandbox.square import LineSpec, TenderSpec
from django.db import connection
def test_it(world):
    t=time.time()
    square = world.sandbox.square
    square.add_location("Amsterdam", "Europe/Amsterdam", "EUR"); square.add_tax("VAT 21", "21")
    world.furnish(); print("furnish", time.time()-t)
    for i in range(2):
        square.sell("Amsterdam", world.timeline.now(), [LineSpec("Mug", 2500, tax="VAT 21")], [TenderSpec("card", 2500)])
    square.sell("Amsterdam", world.timeline.now(), [LineSpec("Mug", 2500, tax="VAT 21")], [TenderSpec("cash", 2500)])
    world.close_days()
    n=[0,0,0]
    def w(e,sql,p,m,c):
        n[0]+=1
        if not sql.startswith("SELECT"): n[1]+=1; 
        if sql.startswith(("SAVEPOINT","BEGIN")): n[2]+=1
        return e(sql,p,m,c)
    t=time.time()
    with connection.execute_wrapper(w): r=world.run()
    print(r.state, r.sentence, time.time()-t, n, len(world.sandbox.log.entries))
    t=time.time(); world.run(); print(time.time()-t)
    import copy
    locks=[]
    t=time.time()
