// Structs with every way of holding pointers, for the compiler of plans.
#include <Python.h>
#include <stdint.h>

struct leaf { int n; double d; };
struct node { struct node *next; PyObject *key; struct leaf *leaves; };
struct hidden;

typedef struct {
    PyObject_HEAD
    PyObject *object;             // 16
    PyTypeObject *type;           // 24
    struct node *list;            // 32
    char *text;                   // 40
    long numbers[3];              // 48
    unsigned flag : 1, rest : 31; // 72
    int small;                    // 76
    struct { PyObject *inner; long count; } nested; // 80
    PyObject *array[2];           // 96
    struct node nodes[2];         // 112
    union { PyObject *o; PyObject *p; } same;       // 160
    union { PyObject *o; long n; } either;          // 168
    void *anything;               // 176
    struct hidden *secret;        // 184
    PyObject **vector;            // 192
    struct node **table;          // 200
    void (*function)(void);       // 208
    uintptr_t tagged;             // 216
    wchar_t *wide;                // 224
    PyThreadState *thread;        // 232
    Py_hash_t hash;               // 240
} fixture;

typedef struct { PyObject_VAR_HEAD PyObject *items[1]; } sequence;

fixture fixture_of_test;
sequence sequence_of_test;
