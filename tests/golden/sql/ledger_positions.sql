-- p0: 'traces'
-- p1: 'logs'
-- p2: 'metrics'
SELECT * FROM (SELECT signal, partition, epoch, last, log FROM commits WHERE signal = {p0:String} AND partition = 0 ORDER BY epoch DESC, last DESC LIMIT 1) UNION ALL SELECT * FROM (SELECT signal, partition, epoch, last, log FROM commits WHERE signal = {p1:String} AND partition = 0 ORDER BY epoch DESC, last DESC LIMIT 1) UNION ALL SELECT * FROM (SELECT signal, partition, epoch, last, log FROM commits WHERE signal = {p2:String} AND partition = 0 ORDER BY epoch DESC, last DESC LIMIT 1)
