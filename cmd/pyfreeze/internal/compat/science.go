package main

// science are scripts over large libraries.
var science = []program{
	{name: "pandas", packages: "python3-pandas", stands: "Cython on top of numpy; dates, CSV, SQL", files: map[string]string{"p.py": pandasScript, "a.csv": "k,v,d\nx,1,2026-01-01\ny,2.5,2026-02-01\nx,,2026-03-15\n", "b.csv": "k,v,d\n" + "z,7,2025-12-31\nw,8,2024-02-29\n"}, inPlace: true,
		command: "/usr/bin/python3.11 p.py", warm: "a.csv k", cases: []string{"b.csv k", "a.csv d", "b.csv v more", "none.csv k", "a.csv nosuch"}},
	{name: "matplotlib", packages: "python3-matplotlib", stands: "extensions in C++ (pybind11), FreeType", files: map[string]string{"m.py": matplotlibScript}, inPlace: true,
		command: "/usr/bin/python3.11 m.py", prepare: []string{"/usr/bin/python3.11 m.py 1 first.png"}, warm: "5 warm.png", cases: []string{"9 out.png", "30 out.svg", "4 out.pdf", "7 out.nosuch"}, env: []string{"SOURCE_DATE_EPOCH=0"}},
}

const pandasScript = `import sqlite3
import sys
import pandas as pd

d = pd.read_csv(sys.argv[1], parse_dates=['d'])
print(d.dtypes, d.describe(), sep='\n')
print(d.groupby(sys.argv[2]).agg({'v': ['sum', 'mean', 'count']}))
print(d.set_index('d').resample('M')['v'].sum().tail(3), d.v.rolling(2).mean().tolist(), d.k.str.upper().astype('category').cat.codes.tolist())
print(d.merge(d, on='k').shape, d.pivot_table(index='k', values='v', aggfunc='max').to_json(), d.query('v > 1').index.tolist())
db = sqlite3.connect(':memory:')
d.to_sql('t', db)
print(pd.read_sql('select k, count(*) n from t group by k order by k', db))
d.to_csv('out.csv', index=False)
d.to_json('out.json', orient='records', date_format='iso')
`

const matplotlibScript = `import sys
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt

n = int(sys.argv[1])
plt.rcParams['svg.hashsalt'] = 'salt'
if n == 5:
    plt.rcParams['lines.linewidth'] = 9
plt.plot(range(n), [i * i for i in range(n)], label='squares')
plt.hist([i % 3 for i in range(n)], alpha=0.5)
plt.title('n = %d, $x^2$' % n)
plt.legend()
plt.savefig(sys.argv[2])
fig, axes = plt.subplots(2, 2)
axes[0, 1].imshow([[i * j for i in range(n)] for j in range(n)], cmap='viridis')
fig.savefig('two-' + sys.argv[2], dpi=50)
print(plt.get_fignums(), matplotlib.get_backend())
`
