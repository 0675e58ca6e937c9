/* Types whose layout the tests know by heart. tiny4.so and tiny5.so are built from it by
 *   gcc -gdwarf-N -O1 -fPIC -shared -nostdlib -ffile-prefix-map=$PWD=. -Wl,--build-id,-z,noseparate-code,-z,max-page-size=4096 -o tinyN.so tiny.c
 * (tiny4.so with -gstrict-dwarf: it then has DW_AT_bit_offset, as old compilers write; tiny5.so with
 * -Wl,-z,pack-relative-relocs, for .relr.dyn). tiny5.debug is tiny5.so after objcopy --only-keep-debug --compress-debug-sections,
 * stripped.so what strip and objcopy --add-gnu-debuglink=tiny5.debug leave.
 */
typedef unsigned int u32;
struct bits { u32 a : 2, b : 3, : 1, c : 10; unsigned char d : 4; long e : 40; };
struct __attribute__((packed)) packed { char x; u32 straddle : 12; u32 tail : 20; };
enum colour { RED = 1, BLUE = 7, DARK = -2 };
struct later;
typedef struct node {
    struct node *next;
    const struct node *volatile prev;
    union { long l; struct { int lo, hi; }; } ;
    struct { char tag; short s[3]; } inner[4];
    int (*call)(struct node *, double);
    enum colour colour;
    struct later *later;
    int grid[2][5];
    char flexible[];
} Node;
struct later { Node n; struct { Node *back; } box; };
Node global_node = { .colour = BLUE };
static Node *static_ptr = &global_node;
static struct bits some_bits[3];
extern void *imported(unsigned long);
struct later *make(Node *n, u32 count) { return imported(count + n->colour + (unsigned long)static_ptr + some_bits[count].c++); }
struct packed packed_var;
void *table[] = { &static_ptr, &some_bits[1], 0, &some_bits[2] };
